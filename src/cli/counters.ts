import type { Exposition } from './exposition.ts'

/** `GET /proxy/stats`, as far as it is shown. */
export interface Stats {
  readonly uptime_seconds: number
  readonly backends: number
  readonly backends_ready: number
  readonly requests_in_flight: number
  readonly requests_waiting: number
  readonly bytes_waiting: number
}

/** One look at a running instance. */
export interface Look {
  /** ms, of a clock that never jumps. */
  readonly at: number
  readonly stats: Stats
  readonly metrics: Exposition
}

/** How fast something grows, and how far it has come since the instance started. */
export interface Counter {
  /** Undefined at the first look, and right after a restart. */
  readonly perSecond: number | undefined
  readonly total: number
}

/** What `vllm-chill top` shows, and prints as JSON. */
export interface Counters {
  readonly uptimeSeconds: number
  readonly backends: number
  readonly backendsReady: number
  readonly inFlight: number
  readonly waiting: number
  readonly waitingBytes: number
  readonly oldestWaitSeconds: number
  readonly requests: Counter
  readonly refusals: Counter
  readonly receivedBytes: Counter
  readonly sentBytes: Counter
  /** Only where the instance counts them. */
  readonly promptTokens?: Counter
  readonly completionTokens?: Counter
  /** GPU-seconds; so many per second are so many GPUs. */
  readonly gpuHeld: Counter
  readonly gpuServing: Counter
  readonly gpuIdle: Counter
  readonly gpuSaved: Counter
  readonly cpuSeconds: Counter
  readonly memoryBytes: number
  /** Since somebody last looked. */
  readonly eventLoopLagSeconds: { readonly p50: number; readonly p99: number; readonly max: number }
}

/** What two looks say together. */
export function countersOf(now: Look, before: Look | undefined): Counters {
  const { stats, metrics } = now
  const seconds = before === undefined ? 0 : (now.at - before.at) / 1000
  const known = (name: string): Counter | undefined => {
    const total = metrics.sum(name)
    if (total === undefined) return undefined
    const grown = total - (before?.metrics.sum(name) ?? 0)
    // A counter that has fallen belongs to another run.
    return { total, perSecond: seconds > 0 && grown >= 0 ? grown / seconds : undefined }
  }
  const none = { total: 0, perSecond: before && 0 }
  const counter = (name: string) => known(name) ?? none
  const lag = (statistic: string) =>
    metrics.sum('vllm_chill_event_loop_lag_seconds', { statistic }) ?? 0
  const promptTokens = known('vllm_chill_prompt_tokens_total')
  const completionTokens = known('vllm_chill_completion_tokens_total')
  return {
    uptimeSeconds: stats.uptime_seconds,
    backends: stats.backends,
    backendsReady: stats.backends_ready,
    inFlight: stats.requests_in_flight,
    waiting: stats.requests_waiting,
    waitingBytes: stats.bytes_waiting,
    oldestWaitSeconds: Math.max(
      0,
      ...metrics.by('vllm_chill_oldest_wait_seconds', 'model').values(),
    ),
    requests: counter('vllm_chill_requests_total'),
    refusals: counter('vllm_chill_refusals_total'),
    receivedBytes: counter('vllm_chill_request_payload_bytes_sum'),
    sentBytes: counter('vllm_chill_response_payload_bytes_sum'),
    ...(promptTokens && { promptTokens }),
    ...(completionTokens && { completionTokens }),
    gpuHeld: counter('vllm_chill_gpu_held_seconds_total'),
    gpuServing: counter('vllm_chill_gpu_serving_seconds_total'),
    gpuIdle: counter('vllm_chill_gpu_idle_seconds_total'),
    gpuSaved: counter('vllm_chill_gpu_saved_seconds_total'),
    cpuSeconds: counter('process_cpu_seconds_total'),
    memoryBytes: metrics.sum('process_resident_memory_bytes') ?? 0,
    eventLoopLagSeconds: { p50: lag('p50'), p99: lag('p99'), max: lag('max') },
  }
}
