import { expect, test } from 'vitest'
import {
  describeExit,
  exitedWhileLoading,
  FailureSigns,
} from '../../../../src/drivers/process/start-failure.ts'

function failureAfter(...lines: string[]) {
  const signs = new FailureSigns()
  for (const line of lines) signs.read(line)
  return exitedWhileLoading({ code: 1, signal: null }, signs, lines.slice(-1)).failure
}

test.each([
  'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 896.00 MiB.',
  'torch.cuda.OutOfMemoryError: HIP out of memory. Tried to allocate 20.00 MiB',
  'RuntimeError: CUDA error: out of memory',
  'ValueError: Free memory on device cuda:0 (3.22/4.0 GiB) on startup is less than desired GPU memory utilization (0.9, 3.6 GiB).',
  'ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`',
  '(VllmWorker-0 pid=7) ERROR 11-24 07:59:11 [multiproc_executor.py:953] ValueError: Available memory on node 0 (11.28/14.34 GiB) on startup is less than desired CPU memory utilization (0.92, 13.19 GiB). On the CPU backend, the `--gpu-memory-utilization` flag controls the fraction of CPU memory reserved',
])('"%s" is a want of GPU memory', (line) => {
  const failure = failureAfter(line, 'RuntimeError: Engine core initialization failed.')
  expect(failure.reason).toBe('out_of_memory')
  expect(failure.message).toContain(line)
})

test.each([
  'INFO the KV cache takes 3.5 GiB of memory',
  'OSError: model not found',
  'slurmstepd: out of memory of patience',
])('"%s" is not', (line) => {
  expect(failureAfter(line)).toMatchObject({ reason: 'exited' })
})

test.each([
  "OSError: [Errno 98] error while attempting to bind on address ('127.0.0.1', 8000): address already in use",
  'OSError: [Errno 48] Address already in use',
  'Error: listen EADDRINUSE: address already in use 127.0.0.1:8000',
])('"%s" is a lost race for the port', (line) => {
  const signs = new FailureSigns()
  signs.read(line)
  expect(signs.portTaken).toBe(true)
})

test('exits are told in words', () => {
  expect(describeExit({ code: 3, signal: null })).toBe('exited with code 3')
  expect(describeExit({ code: null, signal: 'SIGSEGV' })).toBe('was killed by SIGSEGV')
  expect(describeExit({ code: null, signal: 'SIGKILL' })).toContain('main memory')
})

test("the cause is vLLM's own, not its front's hint at it", () => {
  const failure = failureAfter(
    '(EngineCore pid=7) ERROR [core.py:712] KeyError: first',
    '(EngineCore pid=7) ERROR [core.py:712] ValueError: no such quantization',
    '(APIServer pid=6) RuntimeError: Engine core initialization failed. See root cause above.',
    '  warnings.warn(leaked semaphore)',
  )
  expect(failure.message).toContain(
    'before it was ready: (EngineCore pid=7) ERROR [core.py:712] ValueError: no such quantization',
  )
})

test('without an exception the last line is what it said', () => {
  expect(failureAfter('loading', 'no GPU').message).toMatch(/before it was ready: no GPU$/)
})

test('a silent exit says that it was silent', () => {
  expect(failureAfter().message).toContain('wrote nothing')
})

test('with workers of its own, the engine points at them as the front points at it (0.32.0)', () => {
  const failure = failureAfter(
    '(VllmWorker-0 pid=9) ERROR [multiproc_executor.py:953] ValueError: no such quantization',
    '(EngineCore pid=7) ERROR [core.py:1510] Exception: WorkerProc initialization failed due to an exception in a background process. See stack trace for root cause.',
    '(APIServer pid=6) RuntimeError: Engine core initialization failed. See root cause above.',
  )
  expect(failure.message).toContain('ValueError: no such quantization')
  expect(failure.message).not.toContain('WorkerProc')
})

test('of arguments that do not fit the model, the cause stands below the exception (0.32.0)', () => {
  const failure = failureAfter(
    'pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig',
    '  Value error, User-specified max_model_len (100000) is greater than the derived max_model_len',
    '    For further information visit https://errors.pydantic.dev/2.14/v/value_error',
  )
  expect(failure.message).toContain(
    'before it was ready: Value error, User-specified max_model_len (100000) is greater',
  )
})
