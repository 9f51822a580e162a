import type { ReplicaLost, StartPhase } from './driver.ts'
import type { SwitchPolicy, SwitchSettings } from './switch-policy.ts'
import type {
  Endpoint,
  Model,
  Observed,
  RememberedFailure,
  RoomWanted,
  Sight,
  StartOrder,
  Waiting,
  Warm,
} from './types.ts'

export type Models = Readonly<Record<string, Model>>

/** Bounds of one backend; every state with an effect has one. All in ms. */
export interface BackendSettings extends SwitchSettings {
  /** From a switch that closed admission until the requests that still run are cut; undefined: never. */
  readonly preemptAfterMs?: number
  /** Overrides the models' own idle timeout; 0 means never idle. */
  readonly idleTimeoutMs?: number
  /** 1: what is loaded is never scaled down for idleness. */
  readonly minIdleReplicas?: number
  readonly drainDeadlineMs: number
  /** What happens at the drain deadline: go on waiting and say who blocks, or cut them. */
  readonly drainDeadlineAction: 'wait' | 'cut'
  readonly resourcesDeadlineMs: number
  /** After it, an unload that is not over says so and is tried again; nothing else is started meanwhile. */
  readonly unloadDeadlineMs: number
  /** How long the engine may take to say whether it is quiet. */
  readonly recheckDeadlineMs: number
  /** First pause after a failed start; doubles with each further one. */
  readonly backoffMs: number
  readonly maxBackoffMs: number
}

export const defaultBackendSettings: BackendSettings = {
  maxWaitMs: 60_000,
  minResidencyMs: 0,
  maxResidencyMs: 600_000,
  loadingWeight: 1,
  pinned: [],
  drainDeadlineMs: 300_000,
  drainDeadlineAction: 'wait',
  resourcesDeadlineMs: 60_000,
  unloadDeadlineMs: 120_000,
  recheckDeadlineMs: 5_000,
  backoffMs: 1_000,
  maxBackoffMs: 300_000,
}

/** What a gate tells its backend: the whole of it each time, so that nothing can drift. */
export interface Demand {
  /** Generation whose admission is open; undefined while the gate is closed. */
  readonly openFor: number | undefined
  readonly leases: number
  readonly waiting: readonly Waiting[]
}

export interface BackendInput {
  readonly backend: string
  readonly settings: BackendSettings
  readonly policy: SwitchPolicy
  /** Clock of the actor system, ms, monotonic. */
  readonly now: () => number
  /** Served names that are never swapped out for another; those of the settings unless given. */
  readonly pinned?: readonly string[]
  /** Models that this backend may serve. */
  readonly models: Models
  readonly observed: Observed
  /** False until the driver says so, where other programs may be at work; true unless given. */
  readonly leads?: boolean
  /** First generation to use is one above it. */
  readonly generation?: number
  /** GPUs of its pool that it needs before it starts; 0, as when absent: it has its own. */
  readonly gpus?: number
}

/** What a pool has given, from before the start until everything is gone. */
export interface Grant {
  /** Counts the grants of the pool. */
  readonly number: number
  readonly devices: readonly string[]
}

export interface BackendContext {
  readonly backend: string
  readonly settings: BackendSettings
  readonly policy: SwitchPolicy
  readonly now: () => number
  /** As the operators have it now. */
  readonly pinned: readonly string[]
  readonly models: Models
  /** What the driver sees there; where nobody else acts, only what it found at start-up. */
  readonly observed: Observed
  /** Whether this program may change anything; without it, it serves what others keep warm. */
  readonly leads: boolean
  /** Models that cannot be started here, whatever is tried. */
  readonly refusals: Readonly<Record<string, RememberedFailure>>
  /** Grows with each start; what belongs to an older one changes nothing. */
  readonly generation: number
  /** The model that is loaded, loading or being unloaded. */
  readonly model: Model | undefined
  /** Where a switch leads. */
  readonly target: string | undefined
  /** A model that an operator, or a changed manifest, asked for; it needs no waiter. */
  readonly wish: string | undefined
  /** What is to be there while nobody asks. */
  readonly warm: Warm | undefined
  /** The wish for a warm model that it was told of last, also while that is not followed. */
  readonly warmWish: string | undefined
  /** The wish for a warm model that an operator has stopped. */
  readonly dismissed: string | undefined
  /** When it was asked for; actor system's clock, ms. */
  readonly wishedAt: number
  /** A model to load beside another backend that cannot keep up with who asks for it. */
  readonly copy: string | undefined
  /** An operator wants it down; `held`: and down it stays until started. */
  readonly down: boolean
  readonly downBecause: string
  readonly held: boolean
  readonly endpoints: readonly Endpoint[]
  readonly demand: Demand
  /** GPUs of a pool that it needs; 0 without a pool. */
  readonly gpus: number
  /** What it has been given of them; undefined from the moment that everything of it is gone. */
  readonly grant: Grant | undefined
  /** Number of the last grant that it was told of, kept or given back. */
  readonly lastGrant: number
  /** Another backend of the pool needs its GPUs. */
  readonly room: RoomWanted | undefined
  /** It goes down for that. */
  readonly makesRoom: boolean
  /** Waiting for room at the loaded model has cost as much as a load of it elsewhere. */
  readonly isCrowded: boolean
  /** The start has found no GPU that is free. */
  readonly isShort: boolean
  /** When a lease was last out; actor system's clock, ms. */
  readonly usedAt: number
  readonly failures: Readonly<Record<string, RememberedFailure>>
  /** ms that a load usually takes here, by model (moving average). */
  readonly costs: Readonly<Record<string, number>>
  readonly phase: StartPhase | undefined
  /** What the start waits for in that phase, in words, where that is unusual. */
  readonly phaseDetail: string | undefined
  /** Begin of the present start, of the present residence, of the present state; actor system's clock, ms. */
  readonly startedAt: number
  readonly residentSince: number
  /** Why the last transition happened, in words. */
  readonly because: string
}

export type BackendEvent =
  /** The gate: an edge of leases (0 ↔ some) or of who waits. */
  | { type: 'demand changed'; demand: Demand }
  | { type: 'catalogue changed'; models: Models }
  /** The driver. */
  | {
      type: 'phase reached'
      phase: StartPhase
      detail?: string
      isShort?: boolean
      generation: number
    }
  | { type: 'replica lost'; lost: ReplicaLost }
  | { type: 'world seen'; sight: Sight }
  /** The pool. */
  | { type: 'GPUs granted'; grant: Grant }
  | { type: 'room wanted'; room: RoomWanted | undefined }
  /** An operator. */
  | { type: 'operator starts'; model?: string }
  | { type: 'operator stops'; hold: boolean; because?: string }
  | { type: 'pins changed'; pinned: readonly string[] }
  /** The schedule; told again now and then, so that what failed is tried again. */
  | { type: 'keep warm changed'; warm: Warm | undefined }
  /** The fleet; undefined takes it back while it has not begun. */
  | { type: 'copy wanted'; model: string | undefined }
  /** The policy's alarm. */
  | { type: 'reconsider' }

/** Facts for the gate, metrics, the event stream and the log. */
export type BackendFact =
  | { type: 'ready'; backend: string; model: string; generation: number; loadMs: number }
  | { type: 'start failed'; backend: string; failure: RememberedFailure }
  | { type: 'models refused'; backend: string; models: readonly string[] }
  | { type: 'replica lost'; backend: string; model: string; message: string }
  | { type: 'drain overdue'; backend: string; model: string; cut: boolean }
  /** A switch has waited `preemptAfter`: what still runs on the model is to be cut. */
  | { type: 'preempted'; backend: string; model: string; target: string }
  | { type: 'unload overdue'; backend: string; model: string }
  /** Waiting for room at its own model has cost as much as a load of it elsewhere. */
  | { type: 'crowded'; backend: string; model: string }
  | { type: 'cold'; backend: string }
  | { type: 'held'; backend: string }

export function initialContext(input: BackendInput): BackendContext {
  return {
    ...input,
    pinned: input.pinned ?? input.settings.pinned,
    leads: input.leads ?? true,
    refusals: {},
    generation: input.generation ?? 0,
    model: undefined,
    target: undefined,
    wish: undefined,
    warm: undefined,
    warmWish: undefined,
    dismissed: undefined,
    wishedAt: 0,
    copy: undefined,
    down: false,
    downBecause: '',
    held: false,
    endpoints: [],
    demand: { openFor: undefined, leases: 0, waiting: [] },
    gpus: input.gpus ?? 0,
    grant: undefined,
    lastGrant: 0,
    room: undefined,
    makesRoom: false,
    isCrowded: false,
    isShort: false,
    usedAt: 0,
    failures: {},
    costs: {},
    phase: undefined,
    phaseDetail: undefined,
    startedAt: 0,
    residentSince: 0,
    because: 'the program started',
  }
}

export function order({ backend, model, generation, grant }: BackendContext): StartOrder {
  if (!model) throw new Error(`backend ${backend}: a start without a model`)
  return { backend, model, generation, ...(grant && { devices: grant.devices }) }
}

/** A moving average that follows changes (a new disk, a warm cache) within a few loads. */
export function learn(
  costs: BackendContext['costs'],
  model: string,
  loadMs: number,
): BackendContext['costs'] {
  const before = costs[model]
  return { ...costs, [model]: before === undefined ? loadMs : before * 0.6 + loadMs * 0.4 }
}
