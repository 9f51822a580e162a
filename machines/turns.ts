/** What follows from what a backend knows: which model may come, which must go, and what calls a switch off. */
import type { BackendContext } from './backend-context.ts'
import { usualLoadMs, type SwitchAnswer } from './switch-policy.ts'
import type { Waiting } from './types.ts'

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
