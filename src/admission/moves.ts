import type { AnyTransitionDefinition, InspectionEvent } from 'xstate'

/** Arrow of the chart: its own ends, which may be outer states, and what it is named after. */
export interface Edge {
  readonly source: string
  readonly target: string
  /** Empty where the guard alone decides, after whatever event. */
  readonly event: string
  readonly guard?: string
}

/** Why a chart went from one state to another. */
export interface Move {
  /** What happened, as the chart names it. */
  readonly event: string
  /** The last arrow that was taken; undefined where only an actor's start explains it. */
  readonly edge: Edge | undefined
}

/**
 * Listens to the charts' steps: feed it what `inspect` tells, and ask it after each of an actor's events
 * which one moved it. It keeps names only; what an event carries stays with the chart.
 */
export function followMoves() {
  const moves = new Map<string, { event: string | undefined; edge: Edge | undefined }>()
  return {
    inspect(step: InspectionEvent): void {
      if (step.type !== '@xstate.microstep') return
      const { sessionId } = step.actorRef
      const move = moves.get(sessionId) ?? { event: undefined, edge: undefined }
      const [transition] = step._transitions
      move.event ??= transition && happened(step.event.type, transition)
      move.event ??= step.event.type
      const moving = step._transitions.find(({ target }) => target !== undefined)
      if (moving) move.edge = edgeOf(moving)
      moves.set(sessionId, move)
    },

    /** What moved this actor since it was last asked for. */
    take(sessionId: string): Move {
      const { event = '', edge } = moves.get(sessionId) ?? {}
      moves.delete(sessionId)
      return { event, edge }
    },
  }
}

function edgeOf(transition: AnyTransitionDefinition): Edge {
  const { source, target, eventType } = transition
  const guard = guardName(transition.guard)
  return {
    source: source.path.join('.'),
    target: (target?.[0] ?? source).path.join('.'),
    event: happened(eventType, transition),
    ...(guard !== '' && { guard }),
  }
}

function guardName(guard: unknown): string {
  if (typeof guard === 'string') return guard
  if (typeof guard === 'object' && guard !== null && 'type' in guard) return String(guard.type)
  return ''
}

/** `xstate.done.actor.0.backend.scalingUp` is `bring replicas up is done`. */
function happened(type: string, { source }: AnyTransitionDefinition): string {
  const effect = source.invoke.find(({ id }) => type.endsWith(`.actor.${id}`))
  const name = typeof effect?.src === 'string' ? effect.src : ''
  if (type.startsWith('xstate.done.')) return `${name} is done`
  if (type.startsWith('xstate.error.')) return `${name} fails`
  if (type.startsWith('xstate.after.')) return type.split('.')[2] ?? ''
  return type
}
