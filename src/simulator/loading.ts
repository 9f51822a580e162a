import { setTimeout as delay } from 'node:timers/promises'
import type { SimulatorOptions } from './arguments.ts'
import type { Gpu } from './gpu.ts'
import { type LogSink, traceback, vllmLine } from './log.ts'

/** The server cannot start; the process ends with `exitCode`. */
export class StartError extends Error {
  override readonly name = 'StartError'
  readonly exitCode: number

  constructor(message: string, exitCode = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Checkpoint files into which the load time is divided, for the progress lines. */
const shards = 4

/**
 * Takes the GPU and spends the load time, with the lines that vLLM writes meanwhile.
 * @param closed gives up, with an AbortError
 * @throws StartError when the GPU is another's, or loading is told to fail
 */
export async function load(
  options: SimulatorOptions,
  gpu: Gpu,
  log: LogSink,
  closed: AbortSignal,
): Promise<void> {
  const engine = (place: string, message: string) =>
    log(vllmLine('EngineCore', 'INFO', place, message))
  engine(
    'core.py:93',
    `Initializing a V1 LLM engine (v0.32.0) with config: model='${options.model}'`,
  )
  const holder = await gpu.take()
  if (holder !== undefined) fail(log, outOfMemory(holder), 1)
  engine('gpu_model_runner.py:3472', `Starting to load model ${options.model}...`)
  if (options.hangLoad) await forever(closed)
  for (let shard = 1; shard <= shards; shard += 1) {
    if (options.loadTime > 0) await delay(options.loadTime / shards, undefined, { signal: closed })
    const percent = String((shard / shards) * 100).padStart(3)
    log(`Loading safetensors checkpoint shards: ${percent}% Completed | ${shard}/${shards}`)
  }
  if (options.failLoad !== undefined) {
    fail(log, 'RuntimeError: the simulated load failed, as told', options.failLoad)
  }
  const seconds = (options.loadTime / 1000).toFixed(2)
  engine('default_loader.py:314', `Loading weights took ${seconds} seconds`)
  engine('kv_cache_utils.py:1229', 'GPU KV cache size: 65,536 tokens')
  engine('core.py:259', `init engine took ${seconds} seconds`)
}

function fail(log: LogSink, lastLine: string, exitCode: number): never {
  for (const line of traceback(lastLine)) log(vllmLine('EngineCore', 'ERROR', 'core.py:866', line))
  throw new StartError(
    'RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}',
    exitCode,
  )
}

const outOfMemory = (holder: number) =>
  'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 594.00 MiB. GPU 0 has a total ' +
  `capacity of 79.25 GiB of which 12.38 MiB is free. Process ${holder} has 78.11 GiB memory in use.`

/** A pending promise alone does not keep Node alive. */
async function forever(signal: AbortSignal): Promise<never> {
  const oneDayMs = 86_400_000
  for (;;) await delay(oneDayMs, undefined, { signal })
}
