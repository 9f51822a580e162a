import type { Waiting } from './types.ts'

/** All a policy may look at. Times are of the actor system's clock, ms. */
export interface SwitchQuestion {
  readonly now: number
  /** The model that is loaded and serves; undefined when the backend is cold. */
  readonly loaded: string | undefined
  /** Leases out on the loaded model. */
  readonly leases: number
  /** Who waits, of all models that may be started here now (failing ones are left out before). */
  readonly waiting: readonly Waiting[]
  readonly residentSince: number
  /** ms that a load of each model usually takes here; a model never loaded is absent. */
  readonly costs: Readonly<Record<string, number>>
  readonly priorities: Readonly<Record<string, number>>
  readonly settings: SwitchSettings
}

export interface SwitchSettings {
  /** A request that has waited so long for another model closes admission to the loaded one. */
  readonly maxWaitMs: number
}

/** `reconsiderAt`: ask again then, if nothing happens before; absent when only an event can change the answer. */
export type SwitchAnswer =
  | { readonly decision: 'stay'; readonly reconsiderAt?: number }
  | { readonly decision: 'switch'; readonly to: string; readonly why: string }

/** Pure: no clock, no I/O, the same answer to the same question. */
export type SwitchPolicy = (question: SwitchQuestion) => SwitchAnswer

const stay: SwitchAnswer = { decision: 'stay' }

/**
 * Stays while the loaded model is used; turns to another when the loaded one has nothing in flight and
 * nothing waiting, or when somebody has waited `maxWaitMs` for another. A residence first serves what
 * was queued when it began (`owed`), so two models under pressure take turns instead of thrashing.
 *
 * Bound: for requests of finite length nobody waits longer than `maxWaitMs` + (models ahead + 1) ×
 * (drain + load + serving what was owed), because whoever is overdue goes strictly by age.
 */
export const patientPolicy: SwitchPolicy = ({
  now,
  loaded,
  leases,
  waiting,
  priorities,
  settings,
}) => {
  const others = waiting.filter((each) => each.model !== loaded)
  const next = first(others, now - settings.maxWaitMs, priorities)
  if (!next) return stay
  if (loaded === undefined)
    return { decision: 'switch', to: next.model, why: 'somebody waits for it' }

  const own = waiting.find((each) => each.model === loaded)
  if (leases === 0 && !own) {
    return {
      decision: 'switch',
      to: next.model,
      why: 'somebody waits for it, nobody for the loaded model',
    }
  }
  const dueAt = Math.min(...others.map((each) => each.oldestAt)) + settings.maxWaitMs
  if (now < dueAt) return { decision: 'stay', reconsiderAt: dueAt }
  if (own && own.owed > 0) return stay
  return { decision: 'switch', to: next.model, why: 'somebody has waited maxWait for it' }
}

/** The overdue go by age alone, else nobody with a low priority would ever be served; the others by priority, then age. */
function first(
  candidates: readonly Waiting[],
  overdueBefore: number,
  priorities: Readonly<Record<string, number>>,
): Waiting | undefined {
  const rank = (each: Waiting) =>
    each.oldestAt <= overdueBefore ? Infinity : (priorities[each.model] ?? 0)
  return candidates.toSorted((a, b) => compare(rank(b), rank(a)) || a.oldestAt - b.oldestAt)[0]
}

/** Not a subtraction: ∞ − ∞ is not a number. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1
}
