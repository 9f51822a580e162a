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
  /** No turn before the loaded model was there so long, unless somebody has waited `maxWaitMs`. */
  readonly minResidencyMs: number
  /** Once another turn is due, what was queued at the start of a residence is served for so long at most. */
  readonly maxResidencyMs: number
  /** Seconds of waiting that a second of loading is worth. */
  readonly loadingWeight: number
  /** Served names that are never swapped out for another; who waits for that goes on waiting. */
  readonly pinned: readonly string[]
}

/** `reconsiderAt`: ask again then, if nothing happens before; absent when only an event can change the answer. */
export type SwitchAnswer =
  | { readonly decision: 'stay'; readonly reconsiderAt?: number }
  | { readonly decision: 'switch'; readonly to: string; readonly why: string }

/** Pure: no clock, no I/O, the same answer to the same question. */
export type SwitchPolicy = (question: SwitchQuestion) => SwitchAnswer

interface Due {
  readonly at: number
  readonly why: string
}

/** What a policy thinks of a busy backend; the rest is the same for all of them. */
interface Temper {
  /** Which of the other models is next. */
  readonly first: (question: SwitchQuestion, others: readonly Waiting[]) => Waiting
  /** When admission to a loaded model that is in use should close, and why. */
  readonly due: (question: SwitchQuestion, others: readonly Waiting[]) => Due
  /** Whether those who wait for the loaded model are served before it goes. */
  readonly servedFirst: (own: Waiting, dueAt: number) => boolean
}

const stay: SwitchAnswer = { decision: 'stay' }
const overdueWhy = 'somebody has waited maxWait for it'
const unusedWhy = 'somebody waits for it, nobody for the loaded model'

/**
 * Turns only where somebody waits for another model: at once while the loaded one is not used, else
 * when the temper says so and what was queued when the residence began (`owed`) is served, so that
 * two models under pressure take turns instead of thrashing.
 *
 * Bound, for a temper that is due at `maxWaitMs` at the latest: for requests of finite length nobody
 * waits longer than `maxWaitMs` + (models ahead + 1) × (drain + load + serving what was owed, up to
 * `maxResidencyMs`), because whoever is overdue goes strictly by age.
 */
function withTemper({ first, due, servedFirst }: Temper): SwitchPolicy {
  return (question) => {
    const { now, loaded, leases, waiting, residentSince, settings } = question
    const others = waiting.filter((each) => each.model !== loaded)
    if (others.length === 0) return stay
    const { model: to } = first(question, others)
    if (loaded === undefined) return { decision: 'switch', to, why: 'somebody waits for it' }
    if (settings.pinned.includes(loaded)) return stay

    const own = waiting.find((each) => each.model === loaded)
    const unused = leases === 0 && !own
    const { at, why } = unused ? { at: now, why: unusedWhy } : due(question, others)
    const floor = Math.min(residentSince + settings.minResidencyMs, overdueAt(question, others))
    const dueAt = Math.max(at, floor)
    if (now < dueAt) return Number.isFinite(dueAt) ? { ...stay, reconsiderAt: dueAt } : stay
    const served = residentSince + settings.maxResidencyMs
    if (own && now < served && servedFirst(own, dueAt)) return { ...stay, reconsiderAt: served }
    return { decision: 'switch', to, why }
  }
}

/** Who was queued when the residence began, so that each residence is worth its load. */
function owed(own: Waiting): boolean {
  return own.owed > 0
}

/** When the oldest of them has waited `maxWaitMs`. */
function overdueAt({ settings }: SwitchQuestion, others: readonly Waiting[]): number {
  return Math.min(...others.map((each) => each.oldestAt)) + settings.maxWaitMs
}

/** Stays with what is used until somebody has waited `maxWaitMs`; asks neither how many wait nor what a switch costs. */
export const patientPolicy: SwitchPolicy = withTemper({
  first: (question, others) =>
    next(question, others, ({ model }) => question.priorities[model] ?? 0),
  due: (question, others) => ({ at: overdueAt(question, others), why: overdueWhy }),
  servedFirst: owed,
})

/**
 * As in renting skis: stays while that is cheaper, and turns when the others' waiting, weighted by
 * priority and added up, has cost as much as the switch there and back would; at `maxWaitMs` in any case.
 */
export const fairPolicy: SwitchPolicy = withTemper({
  first: fairNext,
  due: (question, others) => {
    const overdue = overdueAt(question, others)
    const paid = paidOffAt(question, others)
    return paid < overdue
      ? { at: paid, why: 'waiting for it has cost as much as the switch' }
      : { at: overdue, why: overdueWhy }
  },
  // Whoever came before the turn was due would else wait for two loads, for the sake of few.
  servedFirst: (own, dueAt) => owed(own) || own.oldestAt < dueAt,
})

/** Strictly in order of arrival, whatever that costs in loading. */
export const fifoPolicy: SwitchPolicy = withTemper({
  first: (_, others) => oldest(others),
  due: ({ now, loaded, waiting }) => ({
    at: oldest(waiting).model === loaded ? Infinity : now,
    why: 'it is next in order of arrival',
  }),
  servedFirst: () => false,
})

/** Never leaves a model that is used; steady traffic on it starves every other. */
export const stickyPolicy: SwitchPolicy = withTemper({
  first: (_, others) => oldest(others),
  due: () => ({ at: Infinity, why: '' }),
  servedFirst: owed,
})

/** Whether a policy wants its order kept among all who wait, also by those for the loaded model. */
export const keepsOrder = (policy: SwitchPolicy): boolean => policy === fifoPolicy

/** By the name of the setting. */
export const switchPolicies = {
  fair: fairPolicy,
  patient: patientPolicy,
  fifo: fifoPolicy,
  sticky: stickyPolicy,
} as const satisfies Record<string, SwitchPolicy>

export type SwitchPolicyName = keyof typeof switchPolicies

/** The overdue go by age alone, else nobody with a low rank would ever be served; the others by rank, then age. */
function next(
  { now, settings }: SwitchQuestion,
  others: readonly Waiting[],
  rank: (each: Waiting) => number,
): Waiting {
  const overdue = others.filter(({ oldestAt }) => oldestAt <= now - settings.maxWaitMs)
  if (overdue.length > 0) return oldest(overdue)
  const best = Math.max(...others.map(rank))
  return oldest(others.filter((each) => rank(each) === best))
}

/** The oldest weighted wait. */
function fairNext(question: SwitchQuestion, others: readonly Waiting[]): Waiting {
  // A millisecond more than it is, so that the weight also tells among those who have just come.
  const waitedMs = ({ oldestAt }: Waiting) => question.now - oldestAt + 1
  return next(
    question,
    others,
    (each) => ((weightOf(question, each) * each.weight) / each.count) * waitedMs(each),
  )
}

/** Of two that came at the same time, the one that is named first. */
function oldest(waiting: readonly Waiting[]): Waiting {
  return waiting.reduce((best, each) => (each.oldestAt < best.oldestAt ? each : best))
}

/** Each step of priority counts double; within what numbers can be added up. */
function weightOf({ priorities }: SwitchQuestion, { model }: Waiting): number {
  return 2 ** Math.max(-20, Math.min(20, priorities[model] ?? 0))
}

/**
 * When the others' waiting since this residence began, which grows with each of them, reaches the cost of
 * the cheapest switch there and back. What they waited before was the price of earlier switches.
 */
function paidOffAt(question: SwitchQuestion, others: readonly Waiting[]): number {
  const { now, residentSince } = question
  let paid = 0
  let perMs = 0
  for (const each of others) {
    const weight = weightOf(question, each) * each.weight
    paid += weight * (now - Math.max(each.meanAt, residentSince))
    perMs += weight
  }
  return now + Math.ceil((priceOf(question, others) - paid) / perMs)
}

/** Of the loads there and back, in ms of waiting. */
function priceOf(question: SwitchQuestion, others: readonly Waiting[]): number {
  const there = Math.min(...others.map(({ model }) => costOf(question, model)))
  return question.settings.loadingWeight * (there + costOf(question, question.loaded))
}

/** Prior for an installation that has loaded nothing yet, ms; the middle of what users report for one GPU. */
export const usualLoadMs = 40_000

/** As learned; for a model never loaded here, the mean of those that were. */
function costOf({ costs }: SwitchQuestion, model: string | undefined): number {
  const own = model === undefined ? undefined : costs[model]
  if (own !== undefined) return own
  const known = Object.values(costs)
  if (known.length === 0) return usualLoadMs
  return known.reduce((sum, each) => sum + each, 0) / known.length
}
