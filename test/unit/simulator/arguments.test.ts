import { describe, expect, test } from 'vitest'
import { UsageError, parseSimulatorArguments } from '../../../src/simulator/index.ts'

const parse = (line: string, environment: Record<string, string> = {}) =>
  parseSimulatorArguments(line.split(' '), environment)

describe('a command line meant for vLLM', () => {
  test('runs unchanged, its own flags ignored with their values', () => {
    const options = parse(
      'serve org/m --tensor-parallel-size 2 --enable-prefix-caching --max-model-len 32768 ' +
        '--no-enable-log-requests --tool-call-parser hermes --gpu-memory-utilization=0.9 --port 81',
    )
    expect(options).toMatchObject({
      model: 'org/m',
      servedNames: ['org/m'],
      tensorParallelSize: 2,
      maxModelLen: 32_768,
      port: 81,
    })
    expect(options.ignoredFlags).toEqual([
      '--enable-prefix-caching',
      '--no-enable-log-requests',
      '--tool-call-parser',
      '--gpu-memory-utilization',
    ])
  })

  test('takes underscores, equals signs and -tp as vLLM does', () => {
    expect(parse('--model=m --max_num_seqs=8 -tp 4')).toMatchObject({
      maxNumSeqs: 8,
      tensorParallelSize: 4,
    })
  })

  test('may name the model after flags whose values we know', () => {
    expect(parse('serve --port 81 org/m --enable-prefix-caching').model).toBe('org/m')
  })

  test('gives several served names', () => {
    expect(parse('m --served-model-name a b c --port 1').servedNames).toEqual(['a', 'b', 'c'])
  })

  test.each([
    ['32k', 32_000],
    ['32K', 32_768],
    ['auto', undefined],
    ['-1', undefined],
  ])('reads a model length of %s', (text, tokens) => {
    expect(parse(`m --max-model-len ${text}`).maxModelLen).toBe(tokens)
  })

  test('a negated switch of ours is off, even if the environment turns it on', () => {
    const environment = { VLLM_CHILL_SIMULATE_ENABLE_REQUEST_ID_HEADERS: '1' }
    expect(parse('m', environment).enableRequestIdHeaders).toBe(true)
    expect(parse('m --no-enable-request-id-headers', environment)).toMatchObject({
      enableRequestIdHeaders: false,
      ignoredFlags: [],
    })
  })
})

describe('our own flags', () => {
  test('take durations in milliseconds', () => {
    expect(parse('m --load-time 1m30s --ttft 50ms --itl 0')).toMatchObject({
      loadTime: 90_000,
      ttft: 50,
      itl: 0,
    })
  })

  test.each([
    ['m --load-time soon', '--load-time: "soon" is not a duration such as 500ms, 2s or 1m'],
    ['m --port 70000', '--port: "70000" is not a whole number from 0 to 65535'],
    ['m --error-rate 2', '--error-rate: "2" is not a number from 0 to 1'],
    ['m --jitter -1', '--jitter: "-1" is not a number from 0 to 1'],
    ['m --max-num-seqs 0', '--max-num-seqs: "0" is not a whole number of at least 1'],
    ['m --max-model-len many', '--max-model-len: "many" is not a number of tokens'],
    ['m --loading-answer 500', '--loading-answer: "500" is neither refuse nor 503'],
    ['m --ttft --itl 1s', '--ttft needs a value: <duration>'],
    ['--port 1', 'no model: name one with --model, or as the first word'],
  ])('%s is refused with a message that says what is allowed', (line, message) => {
    expect(() => parse(line)).toThrow(UsageError)
    expect(() => parse(line)).toThrow(message)
  })

  test('a bad value in the environment is blamed on the variable', () => {
    expect(() => parse('m', { VLLM_CHILL_SIMULATE_TTFT: 'x' })).toThrow('VLLM_CHILL_SIMULATE_TTFT')
  })

  test('a flag beats our variable, which beats the shared one', () => {
    const shared = { VLLM_CHILL_GPU_LOCK: 'c' }
    const ours = { ...shared, VLLM_CHILL_SIMULATE_GPU_LOCK: 'b' }
    expect(parse('m', shared).gpuLock).toBe('c')
    expect(parse('m', ours).gpuLock).toBe('b')
    expect(parse('m --gpu-lock a', ours).gpuLock).toBe('a')
  })

  test('the API key and development mode come from vLLM’s variables too', () => {
    const options = parse('m', { VLLM_API_KEY: 'secret', VLLM_SERVER_DEV_MODE: '1' })
    expect(options).toMatchObject({ apiKey: ['secret'], devMode: true })
    expect(parse('m', { VLLM_SERVER_DEV_MODE: '0' }).devMode).toBe(false)
  })

  test('a wrong model hides every right name', () => {
    expect(parse('m --served-model-name a b --wrong-model x').servedNames).toEqual(['x'])
  })
})

describe('simulated devices', () => {
  test('have a lock file each when the path names them, in one order for everybody', () => {
    const environment = { CUDA_VISIBLE_DEVICES: '3, 1' }
    expect(parse('m --gpu-lock gpu-{gpu}.lock', environment).gpuLockFiles).toEqual([
      'gpu-1.lock',
      'gpu-3.lock',
    ])
  })

  test('are counted from the parallel size when none are named', () => {
    expect(parse('m -tp 2 --gpu-lock g{gpu}').gpuLockFiles).toEqual(['g0', 'g1'])
  })

  test('share one file when the path names none', () => {
    expect(parse('m --gpu-lock g', { CUDA_VISIBLE_DEVICES: '0,1' }).gpuLockFiles).toEqual(['g'])
  })
})
