import type { AnyTransitionDefinition, InspectionEvent } from 'xstate'

/** Arrow of the chart. Its ends may be outer states, as they are drawn. */
export interface Edge {
  readonly source: string
  readonly target: string
  readonly trigger: 'event' | 'always' | 'after' | 'done' | 'error'
  /** Name of the event, the delay or the effect; empty where the guard alone decides, after whatever event. */
  readonly event: string
  readonly guard?: string
}

/** Why a chart went from one state to another. */
export interface Move {
  /** What happened, in words: `demand changed`, `bring replicas up is done`. */
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
      const { type } = step.event
      move.event ??= transition ? inWords(happened(type, transition)) : type
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
    ...happened(eventType, transition),
    ...(guard !== '' && { guard }),
  }
}

function guardName(guard: unknown): string {
  if (typeof guard === 'string') return guard
  if (typeof guard === 'object' && guard !== null && 'type' in guard) return String(guard.type)
  return ''
}

type Happening = Pick<Edge, 'trigger' | 'event'>

/** `xstate.done.actor.0.backend.scalingUp` is that `bring replicas up` is done. */
function happened(type: string, { source }: AnyTransitionDefinition): Happening {
  if (type === '') return { trigger: 'always', event: '' }
  const [, kind, of = ''] = /^xstate\.(after|done|error)\.(.*)$/s.exec(type) ?? []
  if (kind === 'after') return { trigger: kind, event: of.split('.')[0] ?? '' }
  if (kind === undefined) return { trigger: 'event', event: type }
  const effect = source.invoke.find(({ id }) => of === `actor.${id}`)
  const event = typeof effect?.src === 'string' ? effect.src : source.key
  return { trigger: kind === 'done' ? 'done' : 'error', event }
}

function inWords({ trigger, event }: Happening): string {
  if (trigger === 'done') return `${event} is done`
  return trigger === 'error' ? `${event} fails` : event
}
