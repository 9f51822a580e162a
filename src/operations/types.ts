import type { LogReading } from '../../machines/index.ts'
import type { CatalogueProblem } from '../catalogue/index.ts'

/**
 * What operators see of a backend. Safe to show to anybody who may read `/proxy`: no prompt, key or
 * manifest is in here. Times of day are ISO 8601; durations are ms.
 */
export interface BackendStatus {
  name: string
  /** Path in the chart, such as `ready.serving`. */
  state: string
  /** Served name of the model it has, or is bringing up. */
  model?: string
  revision?: string
  /** Counts this backend's starts. */
  generation: number
  /** True while an operator keeps it down. */
  held: boolean
  /** False where another program leads and this one only serves what is loaded; else absent. */
  leads?: boolean
  /** Since when it is in this state. */
  since: string
  /** Why, in words: `idle for 5 min`, `an operator asked`. */
  because?: string
  endpoints: { url: string; leases: number; maxInFlight: number }[]
  /** Requests in flight. */
  leases: number
  waiting: { model: string; count: number; bytes: number; oldestMs: number }[]
  /** Requests that a drain waits for; empty unless it drains. */
  blocking: { id: string; path: string; model: string; sinceMs: number }[]
  /** The pool that its GPUs are of, and how many it needs. */
  pool?: { name: string; gpus: number }
  /** While it waits for GPUs of its pool (phase `gpus`), starts, drains or unloads. */
  progress?: { phase: string; detail?: string; elapsedMs: number; usualMs?: number }
  failures: StartFailureStatus[]
  /** Models it may serve; absent when any. */
  models?: string[]
  /** Model it is turning to. */
  target?: string
}

/** A failed start that is remembered, and until when the model is refused because of it. */
export interface StartFailureStatus {
  model: string
  reason: string
  message: string
  /** Last lines the backend wrote, oldest first. */
  log: string[]
  /** Failed starts in a row. */
  attempts: number
  at: string
  retryInMs: number
}

/**
 * What this room needs of the fleet. The three commands return at once, the work goes on behind them,
 * and throw a `ChillError` (`model_not_found`, `bad_request`) for names that nobody has.
 */
export interface FleetView {
  status(): BackendStatus[]
  /** Takes the hold off, and loads `model` when one is named. */
  start(command: { backend?: string; model?: string }): void
  /** Drains and gives the GPU back; with `hold` the backend stays down until it is started. */
  stop(command: { backend?: string; model?: string; hold?: boolean }): void
  switchTo(model: string): void
  /** While it is loaded it makes room for no other. */
  pin(command: { model: string; pinned: boolean }): void
  /** Served names. */
  pinned(): readonly string[]
  /** Oldest first, at most so many of each kind. */
  requests(atMost: number): RequestsAnswer
  /** Cuts or refuses the requests of this id; throws `not_found` when there is none. Returns their number. */
  cancel(id: string): number
  /** Throws `bad_request` for a backend that nobody has. */
  log(backend: string, reading: LogReading, signal: AbortSignal): AsyncIterable<string>
  readonly shuttingDown: boolean
  /** ISO 8601. */
  readonly startedAt: string
}

/** The program's own metrics. */
export interface MetricsView {
  /** In the format that a scraper's `Accept` asks for. */
  scrape(accept: string | null): Promise<{ readonly contentType: string; readonly text: string }>
  /** What each backend's GPUs did so far. */
  gpuSeconds(): readonly ({ readonly backend: string } & GpuSecondsStatus)[]
}

/** GPU-seconds; `held` contains `serving` and `idle`, and the loading and unloading beside them. */
export interface GpuSecondsStatus {
  readonly heldSeconds: number
  readonly servingSeconds: number
  readonly idleSeconds: number
  /** Against the same backend always on. */
  readonly savedSeconds: number
}

/** How somebody wants to read the events. */
export interface EventReading {
  /** Of the last event that it has. */
  readonly lastEventId?: string | undefined
  /** Begins with so many of the last events, where it has none yet. */
  readonly last?: number | undefined
  /** Only events of these types, and the greeting. */
  readonly types?: readonly string[] | undefined
  /** Goes on when what is there is told. */
  readonly follow: boolean
}

/** What happens, as it happens. */
export interface EventsView {
  /** Server-sent events. Throws a `ChillError` when too many read already. */
  open(reading: EventReading): ReadableStream<Uint8Array>
}

/** What was, for the last hours. */
export interface HistoryView {
  /** From then on, ms; all that is kept unless given. */
  read(since?: number): HistoryAnswer
}

/** `GET /proxy/history`. Times are ISO 8601; `to` is null while it goes on. */
export interface HistoryAnswer {
  since: string
  until: string
  backends: {
    backend: string
    spans: { state: string; model?: string; from: string; to: string | null }[]
  }[]
  /** Times in which requests waited for a model, with the most there were at once. */
  waits: { model: string; from: string; to: string | null; peak: number }[]
}

/** `GET /proxy/requests`. */
export interface RequestsAnswer {
  inFlight: {
    id: string
    model: string
    path: string
    backend: string
    sinceMs: number
    waitedMs: number
  }[]
  waiting: { id: string; model: string; path: string; sinceMs: number; bytes: number }[]
  /** All there are, also where not all are listed. */
  counts: { inFlight: number; waiting: number }
}

/** `POST /proxy/requests/cancel`. */
export interface CancelAnswer {
  status: 'accepted'
  id: string
  /** Clients choose ids, so several requests may have the same. */
  cancelled: number
}

/** `GET /proxy/status`. */
export interface StatusAnswer {
  version: string
  startedAt: string
  shuttingDown: boolean
  backends: BackendStatus[]
  /** Manifests that a person must mend. */
  problems: readonly CatalogueProblem[]
}

/** `GET /proxy/models`. */
export interface ModelsAnswer {
  models: ModelStatus[]
  problems: readonly CatalogueProblem[]
}

export interface ModelStatus {
  name: string
  aliases: readonly string[]
  /** What vLLM loads, such as `org/name`. */
  modelName: string
  source: string
  revision: string
  priority: number
  idleTimeoutMs: number
  maxInFlight: number
  /** It makes room for no other while it is loaded. */
  pinned: boolean
  /** Backends that have it or turn to it. */
  on: { backend: string; state: string; leases: number }[]
  waiting: number
  failure?: StartFailureStatus
}

/** What the three commands answer, with status 202: accepted, watch `backends`. */
export interface CommandAnswer {
  status: 'accepted'
  message: string
  /** Served name, where one was named; an alias is resolved. */
  model?: string
  backend?: string
  backends: BackendStatus[]
}
