import { usualLoadMs } from './switch-policy.ts'
import type { Waiting } from './types.ts'

/** A backend that holds GPUs of a pool: from before its start until everything of it is gone. */
export interface Holder {
  readonly backend: string
  readonly gpus: number
  /** `leaving`: nothing calls that off any more, its GPUs are about to be free. */
  readonly stage: 'starting' | 'ready' | 'switching' | 'draining' | 'leaving'
  readonly leases: number
  /** Requests that wait there. */
  readonly waiting: number
  /** Its model may not be made to go for another. */
  readonly pinned: boolean
  /** Another backend has the same model loaded. */
  readonly spare: boolean
  /** When it was last in use; actor system's clock, ms. */
  readonly usedAt: number
  /** ms that a load of its model usually takes: what it costs to bring it back. */
  readonly loadMs: number
}

/** A cold backend that needs GPUs, or one that starts and finds none that are free. */
export interface Claim {
  readonly backend: string
  readonly gpus: number
  /** Who waits there for models that could be started. */
  readonly waiting: readonly Waiting[]
  /** Since when; actor system's clock, ms. */
  readonly since: number
  /** From then on it goes by age, and nobody younger is given GPUs before it. */
  readonly overdueAt: number
  readonly priority: number
  /**
   * `wish`: an operator asked, so the policy is not. `spare`: nobody waits for it, as for a second copy
   * or what is kept warm, so it takes only what is free. `short`: it has started, and the cluster has no GPU for it.
   */
  readonly kind: 'wish' | 'demand' | 'spare' | 'short'
}

export interface ShareQuestion {
  readonly now: number
  /** GPUs of the pool; Infinity where nobody but the cluster knows. */
  readonly gpus: number
  readonly holders: readonly Holder[]
  readonly claims: readonly Claim[]
  /** Holders that are asked to make room now. */
  readonly asked: readonly string[]
  /** Until then what has just become free may still be found by a start that is short of it. */
  readonly freshUntil: number
}

export interface Share {
  /** Backends that get their GPUs now, each all of them at once. */
  readonly grants: readonly string[]
  /** Which holder is to make room, and for which claim. */
  readonly room: Readonly<Record<string, string>>
  /** Claims for which nobody can make room: what holds the GPUs is pinned. */
  readonly blocked: readonly string[]
  /** Ask again then, if nothing happens before. */
  readonly reconsiderAt?: number
}

/**
 * Who gets GPUs of a pool, and who makes room for whom. Pure.
 *
 * A backend that waits holds nothing and gets all it needs at once, so none waits for another in a
 * circle; and no more is given than is free. Claims go by operators' wishes, then the overdue by age,
 * then priority and age. What is free, or about to be, is kept for a claim from the moment it is
 * overdue or nothing but unused backends stand in its way; before, a younger one that fits may have it.
 */
export function shareGpus(question: ShareQuestion): Share {
  const { now, holders, claims, freshUntil } = question
  let free = question.gpus - holders.reduce((sum, { gpus }) => sum + gpus, 0)
  let leaving = gpusOf(holders.filter(({ stage }) => stage === 'leaving'))
  const grants: string[] = []
  const room: Record<string, string> = {}
  const blocked: string[] = []
  const alarms: number[] = []

  for (const claim of [...claims].sort((a, b) => compareClaims(a, b, now))) {
    if (claim.kind === 'short') {
      if (freshUntil > now) alarms.push(freshUntil)
      const missing = freshUntil > now ? 0 : claim.gpus - leaving
      leaving = Math.max(0, leaving - claim.gpus)
      const unused = candidates(question, claim, room).filter(isUnused)
      for (const { backend } of pick(unused, missing)) room[backend] = claim.backend
      continue
    }
    if (claim.gpus <= free) {
      grants.push(claim.backend)
      free -= claim.gpus
      continue
    }
    if (claim.kind === 'spare') continue
    if (claim.overdueAt > now) alarms.push(claim.overdueAt)
    const missing = claim.gpus - free - leaving
    const able = candidates(question, claim, room)
    if (gpusOf(able) < missing) {
      const kept = gpusOf(holders.filter(({ pinned }) => pinned))
      if (question.gpus - kept < claim.gpus) blocked.push(claim.backend)
      continue
    }
    const makeRoom = pick(able, missing)
    for (const { backend } of makeRoom) room[backend] = claim.backend
    const isSure = makeRoom.every((each) => isUnused(each) || each.stage === 'draining')
    if (!isSure && claim.overdueAt > now && claim.kind !== 'wish') continue
    const ofFree = Math.min(Math.max(0, free), claim.gpus)
    free -= ofFree
    leaving = Math.max(0, leaving - (claim.gpus - ofFree))
  }
  return {
    grants,
    room,
    blocked,
    ...(alarms.length > 0 && { reconsiderAt: Math.min(...alarms) }),
  }
}

/**
 * ms that it costs to free GPUs for one more backend: nothing while they are free; else the turns of those
 * that wait before it, and the loads that the cheapest holders need to come back. Infinity: pinned ones
 * hold too many.
 */
export function roomCostMs(
  gpus: number,
  pool: Pick<ShareQuestion, 'gpus' | 'holders' | 'claims'>,
): number {
  const before = pool.claims.filter(({ kind }) => kind === 'wish' || kind === 'demand')
  const movable = pool.holders.filter(({ pinned }) => !pinned)
  const kept = gpusOf(pool.holders) - gpusOf(movable)
  if (kept + gpus > pool.gpus) return Infinity
  const costOf = (holder: Holder) => {
    const isFree = isUnused(holder) || holder.stage === 'leaving'
    return isFree ? 1 : holder.leases * 1_000 + (holder.spare ? 0 : holder.loadMs)
  }
  let missing = gpusOf(pool.holders) + gpus - pool.gpus
  let ms = before.length * usualLoadMs
  for (const holder of [...movable].sort((a, b) => costOf(a) - costOf(b))) {
    if (missing <= 0) break
    missing -= holder.gpus
    ms += costOf(holder)
  }
  return ms
}

/** No lease and nobody who waits: it may go at once, wherever its policy lets it. */
export function isUnused({ stage, leases, waiting }: Holder): boolean {
  return leases === 0 && (stage === 'draining' || (stage === 'ready' && waiting === 0))
}

function compareClaims(a: Claim, b: Claim, now: number): number {
  const rank = ({ kind, overdueAt }: Claim) =>
    kind === 'wish' ? 0 : kind === 'spare' ? 3 : overdueAt <= now ? 1 : 2
  const byRank = rank(a) - rank(b)
  if (byRank !== 0) return byRank
  const byPriority = rank(a) === 2 ? b.priority - a.priority : 0
  return byPriority || a.since - b.since || (a.backend < b.backend ? -1 : 1)
}

/** Who can make room for it, the cheapest first: the least recently used unused ones, then the busy ones. */
function candidates(
  { holders, asked }: ShareQuestion,
  claim: Claim,
  taken: Readonly<Record<string, string>>,
): Holder[] {
  const rank = (holder: Holder): number => {
    const { stage } = holder
    if (isUnused(holder)) return stage === 'draining' ? 0 : 1
    return ['draining', 'ready', 'switching', 'starting'].indexOf(stage) + 2
  }
  return holders
    .filter(
      ({ backend, stage, pinned }) =>
        stage !== 'leaving' && !pinned && taken[backend] === undefined && backend !== claim.backend,
    )
    .sort((a, b) => {
      const byRank = rank(a) - rank(b)
      if (byRank !== 0) return byRank
      if (isUnused(a)) return a.usedAt - b.usedAt
      // Whoever was asked stays asked, else each request that comes or goes would turn to another.
      const byAsked = Number(asked.includes(b.backend)) - Number(asked.includes(a.backend))
      const costOf = ({ spare, loadMs }: Holder) => (spare ? 0 : loadMs)
      return byAsked || costOf(a) - costOf(b) || a.usedAt - b.usedAt
    })
}

/** The cheapest that together have enough, and none of them in vain. */
function pick(able: readonly Holder[], missing: number): Holder[] {
  let picked: Holder[] = []
  for (const holder of able) {
    if (gpusOf(picked) >= missing) break
    picked.push(holder)
  }
  for (const holder of picked.toReversed()) {
    const without = picked.filter((each) => each !== holder)
    if (gpusOf(without) >= missing) picked = without
  }
  return picked
}

function gpusOf(holders: readonly { readonly gpus: number }[]): number {
  return holders.reduce((sum, { gpus }) => sum + gpus, 0)
}
