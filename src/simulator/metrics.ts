import type { EngineWatcher } from './engine.ts'
import type { SleepState } from './sleep.ts'

/** vLLM's own buckets of `vllm:time_to_first_token_seconds`. */
const ttftBuckets = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
  160, 640, 2560,
]

/** Tokens in the simulated KV cache; small enough that a few streams show in the usage. */
const cacheTokens = 65_536

export type FinishedReason = 'stop' | 'length' | 'abort'

/** What the engine does at this moment. */
export interface Load {
  readonly running: number
  readonly waiting: number
  readonly cachedTokens: number
  readonly sleepState: SleepState
}

export interface Metrics extends EngineWatcher {
  finished(reason: FinishedReason): void
  /** Prometheus text format 0.0.4. */
  render(load: Load): string
}

export function createMetrics(modelName: string): Metrics {
  let promptTokens = 0
  let generationTokens = 0
  let ttftSum = 0
  let ttftCount = 0
  const ttft = ttftBuckets.map(() => 0)
  const finished: Record<FinishedReason, number> = { stop: 0, length: 0, abort: 0 }
  const common = `engine="0",model_name="${escapeLabel(modelName)}"`

  const family = (name: string, type: string, help: string, rows: [string, number][]) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...rows.map(([suffix, value]) => `${name}${suffix} ${decimal(value)}`),
  ]
  const one = (value: number): [string, number][] => [[`{${common}}`, value]]

  return {
    scheduled(tokens) {
      promptTokens += tokens
    },
    firstToken(sinceArrivalMs) {
      const seconds = sinceArrivalMs / 1000
      ttftSum += seconds
      ttftCount += 1
      for (const [index, limit] of ttftBuckets.entries()) {
        if (seconds <= limit) ttft[index] = (ttft[index] ?? 0) + 1
      }
    },
    token() {
      generationTokens += 1
    },
    finished(reason) {
      finished[reason] += 1
    },
    render(load) {
      const usage = Math.min(1, load.cachedTokens / cacheTokens)
      return [
        ...family(
          'vllm:num_requests_running',
          'gauge',
          'Number of requests in model execution batches.',
          one(load.running),
        ),
        ...family(
          'vllm:num_requests_waiting',
          'gauge',
          'Number of requests waiting to be processed.',
          one(load.waiting),
        ),
        ...family(
          'vllm:engine_sleep_state',
          'gauge',
          'Engine sleep state; awake = 0 means engine is sleeping.',
          sleepRows(common, load.sleepState),
        ),
        ...family(
          'vllm:kv_cache_usage_perc',
          'gauge',
          'KV-cache usage. 1 means 100 percent usage.',
          one(usage),
        ),
        ...family(
          'vllm:prompt_tokens_total',
          'counter',
          'Number of prefill tokens processed.',
          one(promptTokens),
        ),
        ...family(
          'vllm:generation_tokens_total',
          'counter',
          'Number of generation tokens processed.',
          one(generationTokens),
        ),
        ...family(
          'vllm:request_success_total',
          'counter',
          'Count of successfully processed requests.',
          Object.entries(finished).map(([reason, count]) => [
            `{${common},finished_reason="${reason}"}`,
            count,
          ]),
        ),
        ...family(
          'vllm:time_to_first_token_seconds',
          'histogram',
          'Histogram of time to first token in seconds.',
          [
            ...ttftBuckets.map((limit, index): [string, number] => [
              `_bucket{${common},le="${decimal(limit)}"}`,
              ttft[index] ?? 0,
            ]),
            [`_bucket{${common},le="+Inf"}`, ttftCount],
            [`_count{${common}}`, ttftCount],
            [`_sum{${common}}`, ttftSum],
          ],
        ),
        '',
      ].join('\n')
    },
  }
}

function sleepRows(common: string, state: SleepState): [string, number][] {
  return (['awake', 'weights_offloaded', 'discard_all'] as const).map((name) => [
    `{${common},sleep_state="${name}"}`,
    name === state ? 1 : 0,
  ])
}

/** Python's client writes whole numbers as `1.0`. */
const decimal = (value: number): string => (Number.isInteger(value) ? `${value}.0` : `${value}`)

const escapeLabel = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
