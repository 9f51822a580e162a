import type { SnapshotFrom } from 'xstate'
import type { BackendContext } from './backend-context.ts'
import type { backendMachine } from './backend.ts'
import type { Claim, Holder } from './gpu-share.ts'
import { isPinned, nextModel, prioritiesOf, servable, waitsFor } from './turns.ts'
import type { RoomWanted } from './types.ts'

/** What a pool sees of one of its backends; the whole of it each time, so that nothing can drift. */
export interface PoolMember {
  readonly backend: string
  readonly gpus: number
  readonly model: string | undefined
  /** Something of it may be there; without it, it holds only what was granted and not given back. */
  readonly isPresent: boolean
  readonly lastGrant: number
  readonly keepsGrant: boolean
  readonly stage: Holder['stage']
  readonly leases: number
  readonly waiting: number
  readonly pinned: boolean
  readonly usedAt: number
  readonly loadMs: number
  /** It needs GPUs: those of a cold backend, or those that its start does not find. */
  readonly claim: Omit<Claim, 'gpus' | 'backend'> | undefined
  /** The claim as the policy of whoever makes room for it must know it. */
  readonly room: RoomWanted
}

/** Reads off a backend's snapshot what its pool must know. */
export function poolMember(snapshot: SnapshotFrom<typeof backendMachine>): PoolMember {
  const { context } = snapshot
  const { backend, gpus, model, observed, lastGrant, grant, demand } = context
  const isCold = snapshot.matches('cold')
  const wanted = wantedModel(context, isCold)
  const waiting = demand.waiting.reduce((sum, { count }) => sum + count, 0)
  return {
    backend,
    gpus,
    model: model?.name,
    isPresent: !isCold || observed.found !== 'nothing',
    lastGrant,
    keepsGrant: grant !== undefined,
    stage: stageOf(snapshot),
    leases: demand.leases,
    waiting,
    pinned: isPinned(context),
    usedAt: Math.max(context.usedAt, context.residentSince),
    loadMs: context.costs[model?.name ?? ''] ?? meanOf(Object.values(context.costs)),
    claim: wanted === undefined ? undefined : claimOf(context, wanted, isCold),
    room: {
      backend,
      waiting: waitingOr(context, wanted),
      priorities: prioritiesOf(context),
      costs: context.costs,
      byOperator: isCold && wanted !== undefined && context.wish === wanted,
    },
  }
}

/** The model that it would load if it had the GPUs; a start that is short needs somebody who waits. */
function wantedModel(context: BackendContext, isCold: boolean): string | undefined {
  if (isCold) return context.observed.found === 'nothing' ? nextModel(context)?.name : undefined
  const { isShort, model, leads } = context
  return leads && isShort && waitsFor(context, model?.name) ? model?.name : undefined
}

function claimOf(context: BackendContext, wanted: string, isCold: boolean): PoolMember['claim'] {
  const waiting = waitingOr(context, wanted)
  const since = Math.min(...waiting.map(({ oldestAt }) => oldestAt))
  const priorities = waiting.map(({ model }) => context.models[model]?.priority ?? 0)
  return {
    waiting,
    since,
    overdueAt: since + context.settings.maxWaitMs,
    priority: Math.max(...priorities),
    kind: kindOf(context, wanted, isCold),
  }
}

function kindOf(context: BackendContext, wanted: string, isCold: boolean): Claim['kind'] {
  if (!isCold) return 'short'
  if (context.wish === wanted) return 'wish'
  return waitsFor(context, wanted) ? 'demand' : 'spare'
}

/** Who waits; for a wish, nobody need: then it counts as one who came when it was made. */
function waitingOr(context: BackendContext, wanted: string | undefined): RoomWanted['waiting'] {
  const waiting = servable(context)
  if (wanted === undefined || waiting.length > 0) return waiting
  const { wishedAt } = context
  return [{ model: wanted, count: 1, oldestAt: wishedAt, meanAt: wishedAt, weight: 1, owed: 0 }]
}

function stageOf(snapshot: SnapshotFrom<typeof backendMachine>): Holder['stage'] {
  if (snapshot.matches('ready') || snapshot.matches({ idle: 'rechecking' })) return 'ready'
  if (snapshot.matches({ idle: 'draining' })) return 'draining'
  if (snapshot.matches('switchingModel')) return 'switching'
  return snapshot.matches('idle') ? 'leaving' : 'starting'
}

function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, each) => sum + each, 0) / values.length
}
