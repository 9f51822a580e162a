import type { StatelyInspectionEvent } from '@statelyai/inspect'

/** Where a viewer's messages go. */
export interface Viewer {
  send(message: string): void
}

type ActorEvent = Extract<StatelyInspectionEvent, { type: '@xstate.actor' }>
type SnapshotEvent = Extract<StatelyInspectionEvent, { type: '@xstate.snapshot' }>

interface Known {
  readonly actor: ActorEvent
  snapshot: SnapshotEvent | undefined
}

/**
 * Hands each inspection event to all viewers, and whoever joins late the actors that live, each with its
 * last snapshot. Actors that have ended are forgotten, so that it does not grow.
 */
export class Hub {
  readonly #actors = new Map<string, Known>()
  readonly #viewers = new Set<Viewer>()

  /** For the adapter of `@statelyai/inspect`. */
  send(event: StatelyInspectionEvent): void {
    this.#remember(event)
    const message = JSON.stringify(event)
    for (const viewer of this.#viewers) viewer.send(message)
  }

  /** Returns the way to leave. */
  join(viewer: Viewer): () => void {
    for (const { actor, snapshot } of this.#actors.values()) {
      viewer.send(JSON.stringify(actor))
      if (snapshot) viewer.send(JSON.stringify(snapshot))
    }
    this.#viewers.add(viewer)
    return () => this.#viewers.delete(viewer)
  }

  #remember(event: StatelyInspectionEvent): void {
    if (event.type === '@xstate.actor') {
      if (hasEnded(event.snapshot)) return
      this.#actors.set(event.sessionId, { actor: event, snapshot: undefined })
    } else if (event.type === '@xstate.snapshot') {
      const known = this.#actors.get(event.sessionId)
      if (!known) return
      if (hasEnded(event.snapshot)) this.#actors.delete(event.sessionId)
      else known.snapshot = event
    }
  }
}

function hasEnded({ status }: { readonly status?: string }): boolean {
  return status !== undefined && status !== 'active'
}
