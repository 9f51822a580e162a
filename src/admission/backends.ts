import type { ActorRefFrom, SnapshotFrom } from 'xstate'
import type { backendMachine, BackendDefinition, BackendView } from '../../machines/index.ts'
import type { Gate } from './gate.ts'

export type BackendActor = ActorRefFrom<typeof backendMachine>
export type BackendSnapshot = SnapshotFrom<typeof backendMachine>

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
  const { target, model, down } = snapshot.context
  if (down) return undefined
  if (snapshot.matches('switchingModel')) return target
  if (snapshot.matches('cold') || snapshot.matches({ idle: 'scalingDown' })) return undefined
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
): BackendView {
  const snapshot = actor?.getSnapshot()
  const headsFor = snapshot && heading(snapshot)
  return {
    name: definition.name,
    models: definition.models,
    heading: headsFor,
    pinned: headsFor !== undefined && (snapshot?.context.pinned.includes(headsFor) ?? false),
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
