import type { BackendFact } from '../../machines/index.ts'
import type { CatalogueProblem } from '../catalogue/index.ts'
import type { BackendStatus, StartFailureStatus } from '../operations/index.ts'

/**
 * What `GET /proxy/events` tells, one SSE event each: `id: <start of the program>-<number>`, `event` its
 * type and `data` the whole of it as JSON. No prompt, key or manifest is in any of them.
 */
export type StreamEvent = { readonly at: string } & EventBody

export type EventBody =
  | HelloEvent
  | SnapshotEvent
  | TransitionEvent
  | ProgressEvent
  | FactEvent
  | AdmittedEvent
  | RefusedEvent
  | FinishedEvent
  | ModelsEvent
  | { readonly type: 'goodbye' }

export type EventType = EventBody['type']

/** Always the first. */
export interface HelloEvent {
  readonly type: 'hello'
  readonly version: string
  readonly startedAt: string
  readonly backends: readonly string[]
  /** Events since `Last-Event-ID` are gone, so that what follows has a gap before it. */
  readonly missed: boolean
}

/** Of each backend at first, after what was missed; then whenever its status has changed. */
export interface SnapshotEvent {
  readonly type: 'snapshot'
  readonly backend: BackendStatus
}

export interface TransitionEvent {
  readonly type: 'transition'
  readonly backend: string
  readonly from: string
  readonly to: string
  /** What happened, as the chart names it: `demand changed`, `bring replicas up is done`. */
  readonly event: string
  /** The condition that let it go this way. */
  readonly guard?: string
  /** The arrow of the chart that was taken. */
  readonly edge?: ChartEdge
  readonly because: string
  readonly model?: string
  /** Where a switch leads. */
  readonly target?: string
  /** Time spent in `from`. */
  readonly afterMs: number
}

/** Its ends may be outer states, as they are drawn. */
export interface ChartEdge {
  readonly source: string
  readonly target: string
  readonly trigger: 'event' | 'always' | 'after' | 'done' | 'error'
  /** Name of the event, the delay or the effect; empty where the guard alone decides. */
  readonly event: string
  readonly guard?: string
}

/** A start has come so far. */
export interface ProgressEvent {
  readonly type: 'progress'
  readonly backend: string
  readonly model: string
  readonly phase: string
  readonly detail?: string
  readonly elapsedMs: number
  readonly usualMs?: number
}

export interface FactEvent {
  readonly type: 'fact'
  readonly fact:
    | Exclude<BackendFact, { type: 'start failed' }>
    | {
        readonly type: 'start failed'
        readonly backend: string
        readonly failure: StartFailureStatus
      }
}

/** It has its place at a backend, and is sent on. */
export interface AdmittedEvent {
  readonly type: 'admitted'
  readonly id: string
  readonly model: string
  readonly path: string
  readonly backend: string
  readonly waitedMs: number
}

/** It was answered with an error of ours, and never sent on. */
export interface RefusedEvent {
  readonly type: 'refused'
  readonly id: string
  readonly model?: string
  readonly path: string
  readonly code: string
  readonly status: number
  readonly waitedMs: number
}

/** It is over: answered, broken, or left by its client. */
export interface FinishedEvent {
  readonly type: 'finished'
  readonly id: string
  readonly model?: string
  readonly backend?: string
  readonly path: string
  readonly status: number
  readonly waitedMs: number
  readonly durationMs: number
  readonly responseBytes: number
  readonly code?: string
}

/** The catalogue has changed. */
export interface ModelsEvent {
  readonly type: 'models'
  readonly models: readonly string[]
  readonly problems: readonly CatalogueProblem[]
}
