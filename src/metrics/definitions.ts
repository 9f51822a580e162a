import { backendStates } from './backend-states.ts'
import { admissionOutcomes, coldStartPhases, drainOutcomes, switchReasons } from './words.ts'

/** One metric. The table of `docs/observability.md` is made of these, and so are the instruments. */
export interface Definition {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly labels: readonly string[]
  readonly help: string
  /** Upper bounds, in the unit of the name. */
  readonly buckets?: readonly number[]
  /** What the original calls so too. */
  readonly original?: true
}

/** A warm request takes milliseconds, one that streams or waits for a start minutes. */
const requestSeconds = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800]
/** From a simulated start to one that downloads its weights. */
const loadSeconds = [0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 180, 300, 600, 1200, 1800, 3600]
const ownSeconds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 1]
const bytes = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 67_108_864]

const list = (words: readonly string[]) => words.map((word) => `\`${word}\``).join(', ')

export const definitions = {
  vllm_chill_requests_total: {
    type: 'counter',
    labels: ['method', 'path', 'status'],
    help: "Requests that are over. `path` is the route's pattern, `other` for paths that are not served; a client that left counts as 499.",
    original: true,
  },
  vllm_chill_request_duration_seconds: {
    type: 'histogram',
    labels: ['method', 'path'],
    help: 'From the head of a request to the last byte of its answer, waiting included.',
    buckets: requestSeconds,
    original: true,
  },
  vllm_chill_request_payload_bytes: {
    type: 'histogram',
    labels: ['method', 'path'],
    help: 'Size of request bodies.',
    buckets: bytes,
    original: true,
  },
  vllm_chill_response_payload_bytes: {
    type: 'histogram',
    labels: ['method', 'path'],
    help: 'Size of answers, without their heads.',
    buckets: bytes,
    original: true,
  },
  vllm_chill_proxy_latency_seconds: {
    type: 'histogram',
    labels: [],
    help: 'What the proxy itself adds: from the head of a request until it is sent on, upload included, waiting for a start or a place not.',
    buckets: ownSeconds,
    original: true,
  },
  vllm_chill_refusals_total: {
    type: 'counter',
    labels: ['code'],
    help: 'Requests that were answered with an error of our own, by its `code` (see errors.md).',
  },
  vllm_chill_client_aborts_total: {
    type: 'counter',
    labels: ['reason'],
    help: 'Clients that went before the end of their answer (`left`), or were cut off because they took nothing more (`stalled`).',
  },
  vllm_chill_leases: {
    type: 'gauge',
    labels: ['backend'],
    help: 'Requests in flight.',
  },
  vllm_chill_waiting_requests: {
    type: 'gauge',
    labels: ['model'],
    help: 'Requests that wait for a model to be loaded, or for a place.',
  },
  vllm_chill_waiting_bytes: {
    type: 'gauge',
    labels: ['model'],
    help: 'Memory that the bodies of waiting requests take.',
  },
  vllm_chill_oldest_wait_seconds: {
    type: 'gauge',
    labels: ['model'],
    help: 'How long the one that has waited longest waits; 0 when nobody does.',
  },
  vllm_chill_admission_wait_seconds: {
    type: 'histogram',
    labels: ['outcome'],
    help: `Wait of a request that named a known model, by how it ended: ${list(admissionOutcomes)}.`,
    buckets: [0.001, ...requestSeconds],
  },
  vllm_chill_model_switches_total: {
    type: 'counter',
    labels: ['from_model', 'to_model', 'status'],
    help: 'Switches that are over: `success`, `failure` (the start failed), `cancelled` (called off before it was loaded).',
    original: true,
  },
  vllm_chill_model_switch_duration_seconds: {
    type: 'histogram',
    labels: ['from_model', 'to_model'],
    help: 'Successful switches, from closing admission to the one model until the other is ready.',
    buckets: loadSeconds,
    original: true,
  },
  vllm_chill_switches_total: {
    type: 'counter',
    labels: ['reason'],
    help: `Switches that were begun, by why: ${list(switchReasons)}.`,
  },
  vllm_chill_scale_operations_total: {
    type: 'counter',
    labels: ['direction', 'status'],
    help: 'Loads (`up`) and unloads (`down`) of a backend: `success`, `failure`, and `cancelled` for a load that was called off. An unload that is overdue is a `failure`, and a `success` when it is done at last.',
    original: true,
  },
  vllm_chill_scale_operation_duration_seconds: {
    type: 'histogram',
    labels: ['direction'],
    help: 'Loads and unloads that succeeded.',
    buckets: loadSeconds,
    original: true,
  },
  vllm_chill_vllm_startup_duration_seconds: {
    type: 'histogram',
    labels: [],
    help: 'Successful starts, from the first work on them until vLLM itself names the model.',
    buckets: loadSeconds,
    original: true,
  },
  vllm_chill_vllm_shutdown_duration_seconds: {
    type: 'histogram',
    labels: [],
    help: 'From the order to go until the last process or pod is gone.',
    buckets: loadSeconds,
    original: true,
  },
  vllm_chill_cold_start_seconds: {
    type: 'histogram',
    labels: ['phase'],
    help: `Where the time of a start goes: ${list(coldStartPhases)}. \`first_token\` is from sending on the first request that waited to the first byte of its answer, which only of a stream is its first token.`,
    buckets: loadSeconds,
  },
  vllm_chill_start_failures_total: {
    type: 'counter',
    labels: ['reason'],
    help: 'Starts that failed, by the reason of `vllm-chill status`.',
  },
  vllm_chill_drain_duration_seconds: {
    type: 'histogram',
    labels: ['outcome'],
    help: `Drains, and how long they took, by their end: ${list(drainOutcomes)}. \`preempted\` are those of which streams were cut after \`preemptAfter\`.`,
    buckets: requestSeconds,
  },
  vllm_chill_drains_overdue_total: {
    type: 'counter',
    labels: [],
    help: 'Drains that passed `drainDeadline`.',
  },
  vllm_chill_replicas_lost_total: {
    type: 'counter',
    labels: [],
    help: 'Processes or pods that ended while they were ready.',
  },
  vllm_chill_backend_state: {
    type: 'gauge',
    labels: ['backend', 'state'],
    help: `1 for the state of the chart that a backend is in, 0 for all others: ${list(backendStates)}.`,
  },
  vllm_chill_vllm_state: {
    type: 'gauge',
    labels: [],
    help: '0 stopped, 1 starting, 2 running, 3 stopping; of several backends, the first that is running, starting or stopping.',
    original: true,
  },
  vllm_chill_current_replicas: {
    type: 'gauge',
    labels: [],
    help: 'Endpoints that are ready, of all backends.',
    original: true,
  },
  vllm_chill_current_model: {
    type: 'gauge',
    labels: ['model_name'],
    help: '1 for a model that is loaded and served, 0 for all other known models.',
    original: true,
  },
  vllm_chill_idle_time_seconds: {
    type: 'gauge',
    labels: [],
    help: 'Since the last request of any model ended; 0 while one is in flight.',
    original: true,
  },
  vllm_chill_gpu_held_seconds_total: {
    type: 'counter',
    labels: ['backend'],
    help: 'GPU-seconds in which a GPU was taken, whatever for: loading, serving, idle, unloading.',
  },
  vllm_chill_gpu_serving_seconds_total: {
    type: 'counter',
    labels: ['backend'],
    help: 'GPU-seconds with a request in flight.',
  },
  vllm_chill_gpu_idle_seconds_total: {
    type: 'counter',
    labels: ['backend'],
    help: 'GPU-seconds ready, with no request in flight.',
  },
  vllm_chill_gpu_saved_seconds_total: {
    type: 'counter',
    labels: ['backend'],
    help: 'GPU-seconds not held, against the same backend always on, with the GPUs of its largest model.',
  },
  vllm_chill_manifest_problems: {
    type: 'gauge',
    labels: [],
    help: 'Manifests that a person must mend; `vllm-chill models` names them.',
  },
  vllm_chill_event_loop_lag_seconds: {
    type: 'gauge',
    labels: ['statistic'],
    help: 'How late the program gets to what it has to do: `p50`, `p99` and `max` since the last scrape.',
  },
  vllm_chill_build_info: {
    type: 'gauge',
    labels: ['version', 'node', 'driver'],
    help: 'Always 1.',
  },
  process_start_time_seconds: {
    type: 'gauge',
    labels: [],
    help: 'Start of the program, Unix time.',
  },
  process_cpu_seconds_total: {
    type: 'counter',
    labels: [],
    help: 'CPU time of the program, without its backends.',
  },
  process_resident_memory_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Memory of the program, without its backends.',
  },
} as const satisfies Readonly<Record<string, Definition>>

export type MetricName = keyof typeof definitions
