/**
 * What the page reads from the program. Written down once more, as the browser's part shares no code with
 * the server's; test/unit/page/wire.test.ts holds the two together.
 */

export interface StartFailure {
  model: string
  reason: string
  message: string
  log: string[]
  attempts: number
  at: string
  retryInMs: number
}

export interface Backend {
  name: string
  state: string
  model?: string
  generation: number
  held: boolean
  /** Absent where this program may change things. */
  leads?: boolean
  since: string
  because?: string
  endpoints: { url: string; leases: number; maxInFlight: number }[]
  leases: number
  waiting: { model: string; count: number; bytes: number; oldestMs: number }[]
  blocking: { id: string; path: string; model: string; sinceMs: number }[]
  progress?: { phase: string; detail?: string; elapsedMs: number; usualMs?: number }
  failures: StartFailure[]
  models?: string[]
  target?: string
}

export interface Model {
  name: string
  aliases: readonly string[]
  modelName: string
  source: string
  revision: string
  priority: number
  idleTimeoutMs: number
  maxInFlight: number
  pinned?: boolean
  on: { backend: string; state: string; leases: number }[]
  waiting: number
  failure?: StartFailure
}

export interface Problem {
  source: string
  message: string
}

export interface ModelsAnswer {
  models: Model[]
  problems: readonly Problem[]
}

/** A way through the chart, as `data-edge`, `data-target` and `data-event` of the drawing name it. */
export interface ChartEdge {
  source: string
  target: string
  event: string
  guard?: string
}

export interface Transition {
  backend: string
  from: string
  to: string
  event: string
  guard?: string
  edge?: ChartEdge
  because: string
  model?: string
  afterMs?: number
  at: string
}

export interface InFlight {
  id: string
  model: string
  path: string
  backend: string
  sinceMs: number
  waitedMs: number
}

export interface WaitingRequest {
  id: string
  model: string
  path: string
  sinceMs: number
  bytes: number
}

export interface RequestsAnswer {
  inFlight: InFlight[]
  waiting: WaitingRequest[]
  /** All there are, also where not all are listed. */
  counts: { inFlight: number; waiting: number }
}

export interface Span {
  state: string
  model?: string
  from: string
  to: string | null
}

export interface HistoryAnswer {
  since: string
  until: string
  backends: { backend: string; spans: Span[] }[]
  waits: { model: string; from: string; to: string | null; peak: number }[]
}

export interface GpuTime {
  heldSeconds: number
  servingSeconds: number
  idleSeconds: number
  savedSeconds: number
}

export interface StatsAnswer {
  uptime_seconds: number
  gpu?: GpuTime & { backends?: readonly ({ backend: string } & GpuTime)[] }
}

export interface ManifestAnswer {
  model: string
  source: string
  manifest: unknown
}

export interface Hello {
  version: string
  startedAt: string
  backends: readonly string[]
  missed: boolean
}
