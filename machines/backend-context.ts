import { StartError, type ReplicaLost, type StartPhase } from './driver.ts'
import {
  usualLoadMs,
  type SwitchAnswer,
  type SwitchPolicy,
  type SwitchSettings,
} from './switch-policy.ts'
import type {
  Endpoint,
  Model,
  Observed,
  RememberedFailure,
  RoomWanted,
  Sight,
  StartFailure,
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

/** The models' waiters that could be served here now: known, and not in their backoff. */
export function servable(context: BackendContext): Waiting[] {
  return context.demand.waiting.filter(({ model }) => mayStart(context, model))
}

/** Known here, possible here, and not in the backoff of a failed start. */
export function mayStart(context: BackendContext, name: string): boolean {
  const failure = context.failures[name]
  return isPossible(context, name) && (failure === undefined || failure.retryAt <= context.now())
}

export function isPossible({ models, refusals }: BackendContext, name: string): boolean {
  return models[name] !== undefined && refusals[name] === undefined
}

/** Asks the policy; `loaded` undefined is the question of a cold backend. */
export function consult(context: BackendContext, loaded: string | undefined): SwitchAnswer {
  return context.policy({
    now: context.now(),
    loaded,
    leases: context.demand.leases,
    waiting: [...servable(context), ...(loaded === undefined ? [] : elsewhere(context))],
    residentSince: context.residentSince,
    costs: { ...context.room?.costs, ...context.costs },
    priorities: { ...context.room?.priorities, ...prioritiesOf(context) },
    settings: { ...context.settings, pinned: context.pinned },
  })
}

export function prioritiesOf({ models }: BackendContext): Record<string, number> {
  return Object.fromEntries(Object.values(models).map(({ name, priority }) => [name, priority]))
}

/** Who waits for the GPUs of this backend, for models that nobody waits for here. */
function elsewhere(context: BackendContext): Waiting[] {
  const here = servable(context)
  return (context.room?.waiting ?? []).filter(
    ({ model }) => !here.some((each) => each.model === model),
  )
}

/**
 * When waiting for room at the loaded model will have cost as much as a load of it, so that a second
 * copy would have paid; undefined while nobody waits for room.
 */
export function crowdedAt(context: BackendContext): number | undefined {
  const { model, demand, generation, costs, settings, now } = context
  if (!model || demand.openFor !== generation) return undefined
  const own = demand.waiting.find((each) => each.model === model.name)
  if (!own) return undefined
  const loadMs = settings.loadingWeight * (costs[model.name] ?? usualLoadMs)
  const paid = own.count * (now() - Math.max(own.meanAt, context.residentSince))
  return now() + Math.max(0, Math.ceil((loadMs - paid) / own.count))
}

/** Whether it has what it needs of its pool; without a pool it does. */
export function hasItsGpus({ gpus, grant }: BackendContext): boolean {
  return gpus === 0 || grant !== undefined
}

/** Whether its model may be made to go for another. */
export function isPinned({ pinned, model }: BackendContext): boolean {
  return model !== undefined && pinned.includes(model.name)
}

/** What a backend that is free would load now: an operator's wish first, else what the policy says, else what is kept warm. */
export function nextModel(context: BackendContext): Turn | undefined {
  if (!context.leads || context.held || context.down) return undefined
  if (context.wish !== undefined && isPossible(context, context.wish)) {
    return { name: context.wish, why: 'an operator asked for it' }
  }
  const answer = consult(context, undefined)
  if (answer.decision === 'switch') return { name: answer.to, why: answer.why }
  const { copy, warm } = context
  if (copy !== undefined && mayStart(context, copy)) {
    return { name: copy, why: 'another backend cannot keep up with who asks for it' }
  }
  return warm && mayStart(context, warm.model) ? { name: warm.model, why: warm.because } : undefined
}

export interface Turn {
  readonly name: string
  readonly why: string
  /** The same model with another manifest: it comes back even if nobody waits. */
  readonly reload?: true
  /** It is to be loaded on another backend of the pool, which needs this one's GPUs. */
  readonly on?: string
}

/** What a backend that is ready should turn to now, and why; undefined to stay. */
export function nextTurn(context: BackendContext): Turn | undefined {
  const { model, models, wish, demand, generation, leads } = context
  const known = model && models[model.name]
  if (!known || !leads) return undefined
  if (wish !== undefined && anotherWished(context)) {
    return { name: wish, why: 'an operator asked for it' }
  }
  if (known.revision !== model.revision && isPossible(context, model.name)) {
    return { name: model.name, why: 'its manifest changed', reload: true }
  }
  const { room } = context
  if (room?.byOperator && !isPinned(context)) {
    const [first] = room.waiting
    return { name: first?.model ?? '', why: 'an operator asked for it', on: room.backend }
  }
  // Before the gate has opened for this residence, nobody knows yet what is owed to whom.
  if (demand.openFor !== generation) return undefined
  const answer = consult(context, model.name)
  if (answer.decision !== 'switch') return undefined
  const { to: name, why } = answer
  const isElsewhere = room && elsewhere(context).some((each) => each.model === name)
  return { name, why, ...(isElsewhere && { on: room.backend }) }
}

/** An operator asked for another model than the one that is loaded or loading. */
export function anotherWished(context: BackendContext): boolean {
  const { wish, model } = context
  return wish !== undefined && wish !== model?.name && isPossible(context, wish)
}

export function waitsFor({ demand }: BackendContext, model: string | undefined): boolean {
  return demand.waiting.some((each) => each.model === model)
}

/** Whether somebody (or an operator, or a reload) still wants the target of a switch. */
export function targetWanted(context: BackendContext): boolean {
  const { target, wish, held, down } = context
  if (target === undefined || held || down || !isPossible(context, target)) return false
  // An operator who asks for a third model would only see this one loaded to be thrown away.
  if (wish !== undefined && wish !== target && isPossible(context, wish)) return false
  return target === wish || (waitsFor(context, target) && mayStart(context, target))
}

/** The same while nothing is unloaded yet: a manifest that was changed back needs no reload. */
export function switchWanted(context: BackendContext): boolean {
  const { target, model, models, leads } = context
  if (!leads) return false
  if (model !== undefined && target === model.name && !anotherWished(context)) {
    return isPossible(context, target) && models[target]?.revision !== model.revision
  }
  return targetWanted(context)
}

/** A pin came during the drain: from then on the model goes for an operator or its own reload only. */
export function pinnedMeanwhile(context: BackendContext): boolean {
  const { target, wish, model } = context
  return isPinned(context) && target !== wish && target !== model?.name
}

/** The operator's wish, or the reload, came true. */
export function wishFulfilled({ wish, model, models }: BackendContext): boolean {
  return wish !== undefined && wish === model?.name && models[wish]?.revision === model.revision
}

/** Nothing needs this backend down any more: an operator took the stop back, or the model came back as it was. */
export function mayStayUp({ down, makesRoom, model, models, leads }: BackendContext): boolean {
  const isWanted = !down && !makesRoom && model !== undefined && models[model.name] !== undefined
  return !leads || isWanted
}

export function order({ backend, model, generation, grant }: BackendContext): StartOrder {
  if (!model) throw new Error(`backend ${backend}: a start without a model`)
  return { backend, model, generation, ...(grant && { devices: grant.devices }) }
}

/** 1 s · 2ⁿ up to the maximum, counted in failed starts in a row. */
export function remember(context: BackendContext, failure: StartFailure): RememberedFailure {
  const { model, failures, settings, now } = context
  const name = model?.name ?? '(none)'
  const attempts = (failures[name]?.attempts ?? 0) + 1
  const pauseMs = Math.min(settings.backoffMs * 2 ** (attempts - 1), settings.maxBackoffMs)
  return { ...failure, model: name, attempts, at: now(), retryAt: now() + pauseMs }
}

/** The driver's refusals as failures that are remembered until it takes them back. */
export function rememberRefusals(
  { refusals, settings, now }: BackendContext,
  seen: Sight['refusals'],
): BackendContext['refusals'] {
  return Object.fromEntries(
    Object.entries(seen).map(([model, failure]) => {
      const known = refusals[model]
      if (known?.message === failure.message) return [model, known]
      const at = now()
      return [model, { ...failure, model, attempts: 0, at, retryAt: at + settings.maxBackoffMs }]
    }),
  )
}

/** What a driver threw, as a failure with a reason. */
export function failureOf(error: unknown): StartFailure {
  if (error instanceof StartError) return error.failure
  return { reason: 'unknown', message: error instanceof Error ? error.message : String(error) }
}

/** Failures of models that changed or went are forgotten: the next try may work. */
export function forgetChanged(context: BackendContext, models: Models): BackendContext['failures'] {
  return Object.fromEntries(
    Object.entries(context.failures).filter(
      ([name]) => models[name] && models[name].revision === context.models[name]?.revision,
    ),
  )
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
