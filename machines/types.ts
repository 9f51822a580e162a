/**
 * The words that the charts, the drivers and the gate share. Plain data: what travels in an event
 * or rests in a context can be shown to anybody, so no prompt, key or manifest is ever in here.
 */

/** What a chart knows of a model. The rest of its manifest is the catalogue's business. */
export interface Model {
  /** Served name: what clients put in `model`. */
  readonly name: string
  /** Changes when, and only when, a running backend must be restarted to follow the manifest. */
  readonly revision: string
  readonly idleTimeoutMs: number
  /** From the first byte of work on a start until it counts as failed. */
  readonly startTimeoutMs: number
  /** Higher goes first when several models wait. */
  readonly priority: number
}

/** One verified place that answers for one model: a process or a pod. */
export interface Endpoint {
  /** `http://host:port`, no trailing slash. */
  readonly url: string
  /** Identity of this very process or pod: process id + start time, or pod UID + container id. */
  readonly incarnation: string
  /** Leases this endpoint takes at once; the rest wait in the gate. */
  readonly maxInFlight: number
}

/** Stable words for why a start failed; `message` beside it is for the person. */
export type FailureReason =
  | 'command_not_found'
  | 'exited'
  | 'out_of_memory'
  | 'wrong_model'
  | 'deadline'
  | 'resources'
  | 'image_pull'
  | 'unschedulable'
  | 'unknown'

/** Why a start failed, as the driver reports it. */
export interface StartFailure {
  readonly reason: FailureReason
  /** One sentence with exit code, status or message of the scheduler. */
  readonly message: string
  /** The last lines the backend wrote, oldest first; empty where there are none. */
  readonly log?: readonly string[]
}

/** A failure as it is remembered per model, with the end of its backoff. */
export interface RememberedFailure extends StartFailure {
  readonly model: string
  /** Failed starts in a row. */
  readonly attempts: number
  /** Clock of the actor system, ms. */
  readonly at: number
  /** Until then the model is refused at once; clock of the actor system, ms. */
  readonly retryAt: number
}

/** Who waits in a gate for one model. */
export interface Waiting {
  readonly model: string
  readonly count: number
  /** Arrival of the oldest of them; clock of the actor system, ms. */
  readonly oldestAt: number
  /** Sum of their weights: of each 1, doubled for each step of the priority that it has by itself. */
  readonly weight: number
  /** Weighted mean of their arrivals; same clock, ms. */
  readonly meanAt: number
  /** Those of them that were already queued when the present residence of this model began. */
  readonly owed: number
}

/** Requests the engine itself runs and queues: work that may outlive its response. */
export interface EngineLoad {
  readonly running: number
  readonly waiting: number
}

/** What a driver finds of a backend when the program starts. */
export type Observed =
  | { readonly found: 'nothing' }
  | {
      readonly found: 'ready'
      readonly model: string
      readonly revision: string
      readonly endpoints: readonly Endpoint[]
    }
  | {
      readonly found: 'starting'
      readonly model: string
      readonly revision: string
      /** How long it has been starting, where that is known. */
      readonly elapsedMs?: number
    }
  | { readonly found: 'leaving' }

/** What a driver sees of a backend while the program runs, in a world where others act too. */
export interface Sight {
  readonly observed: Observed
  /** False: another program may change this world, and this one only serves what is warm. */
  readonly leads: boolean
  /** Models that cannot be started here, whatever is tried, by their names. */
  readonly refusals: Readonly<Record<string, StartFailure>>
}

/** What a driver is asked to bring up. */
export interface StartOrder {
  readonly backend: string
  readonly model: Model
  /** Grows with each start of this backend; results of an older one change nothing. */
  readonly generation: number
  /** The devices of its pool that it was given, as CUDA_VISIBLE_DEVICES names them; absent without a pool. */
  readonly devices?: readonly string[]
}

/** A backend of the same pool needs the GPUs of this one; who waits there, so that this one's policy can weigh it. */
export interface RoomWanted {
  readonly backend: string
  readonly waiting: readonly Waiting[]
  readonly priorities: Readonly<Record<string, number>>
  /** ms that a load of each model usually takes there. */
  readonly costs: Readonly<Record<string, number>>
  /** An operator asked for it: the policy is not asked. */
  readonly byOperator: boolean
}

/** A model that is to be there also while nobody asks for it. */
export interface Warm {
  readonly model: string
  /** In words, for status and log: `kept warm until 18:00`. */
  readonly because: string
  /** Which wish this is: an operator who stops the backend has done with this one, not with the next. */
  readonly id: string
}
