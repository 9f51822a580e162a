import type { ActorRefFrom, SnapshotFrom } from 'xstate'
import {
  claimsOf,
  holdersOf,
  nextModel,
  roomCostMs,
  usualLoadMs,
  type BackendDefinition,
  type backendMachine,
  type BackendView,
  type poolMachine,
} from '../../machines/index.ts'
import type { Gate } from './gate.ts'

export type BackendActor = ActorRefFrom<typeof backendMachine>
export type BackendSnapshot = SnapshotFrom<typeof backendMachine>
export type PoolContext = SnapshotFrom<typeof poolMachine>['context']

/** `{ ready: 'serving' }` as `ready.serving`. */
export function stateName(value: BackendSnapshot['value']): string {
  if (typeof value === 'string') return value
  return Object.entries(value)
    .map(([outer, inner]) =>
      inner ? `${outer}.${stateName(inner as BackendSnapshot['value'])}` : outer,
    )
    .join(' ')
}

/** The model a backend has or is going to have; undefined while it goes down or rests. */
export function heading(snapshot: BackendSnapshot): string | undefined {
  const { target, model, down, makesRoom } = snapshot.context
  if (down || makesRoom) return undefined
  if (snapshot.matches('switchingModel')) return target
  // It waits for GPUs of its pool, else it would be starting.
  if (snapshot.matches('cold')) return nextModel(snapshot.context)?.name
  if (snapshot.matches({ idle: 'scalingDown' })) return undefined
  return model?.name
}

/** It runs this model, and goes on doing so while somebody asks. */
export function hasLoaded(snapshot: BackendSnapshot, model: string): boolean {
  const stays = snapshot.matches('ready') || snapshot.matches({ idle: 'rechecking' })
  return stays && snapshot.context.model?.name === model
}

/** It may make room for another model by itself, so that waiting for that is no waiting for nothing. */
export function mayTurn(snapshot: BackendSnapshot | undefined): boolean {
  if (!snapshot) return false
  const { leads, model, pinned } = snapshot.context
  return leads && !(model && pinned.includes(model.name))
}

/** What `chooseBackend` must know; before the actor exists, a backend counts as cold. */
export function viewOf(
  definition: BackendDefinition,
  gate: Gate,
  actor: BackendActor | undefined,
  pool: PoolContext | undefined,
): BackendView {
  const snapshot = actor?.getSnapshot()
  const headsFor = snapshot && heading(snapshot)
  const costs = snapshot?.context.costs ?? {}
  const known = Object.values(costs)
  const presumed =
    known.length > 0 ? known.reduce((sum, ms) => sum + ms, 0) / known.length : usualLoadMs
  return {
    name: definition.name,
    models: definition.models,
    heading: headsFor,
    pinned: headsFor !== undefined && (snapshot?.context.pinned.includes(headsFor) ?? false),
    open: gate.openModel !== undefined,
    waiting: gate.waiting(),
    loadMs: (model) => costs[model] ?? presumed,
    roomMs: pool ? lackingRoomMs(definition, pool) : 0,
    cold: snapshot?.matches('cold') ?? true,
    held: snapshot?.context.held ?? false,
    failing: (model) => {
      if (!snapshot) return false
      const { refusals, failures, now } = snapshot.context
      const failure = failures[model]
      return refusals[model] !== undefined || (failure !== undefined && failure.retryAt > now())
    },
    load: gate.load,
  }
}

/** What it would cost to free the GPUs that it lacks. */
function lackingRoomMs({ name, pool: needs }: BackendDefinition, pool: PoolContext): number {
  const holders = holdersOf(pool)
  const own = holders.find(({ backend }) => backend === name)
  if (!needs || (own && own.stage !== 'leaving' && own.stage !== 'draining')) return 0
  const before = claimsOf(pool).filter(({ backend }) => backend !== name)
  return roomCostMs(needs.gpus, { gpus: pool.pool.gpus, holders, claims: before })
}
