import { createInspector } from '@statelyai/inspect'
import type { AnyActorRef } from 'xstate'
import { Hub, type Viewer } from './hub.ts'
import { reduced } from './reduced.ts'

/** Deep enough for a chart with its transitions' parameters. */
const serializationDepthLimit = 20

export interface Inspection {
  /** Follows an actor and all that it spawns; called before it starts. */
  attach(root: AnyActorRef): void
  /** Sends a viewer everything that lives, and from then on everything that happens. Returns the way out. */
  join(viewer: Viewer): () => void
}

/** Speaks the protocol of Stately's inspector to any number of viewers. */
export function createInspection(): Inspection {
  const hub = new Hub()
  const inspector = createInspector(hub, { serialize: reduced, serializationDepthLimit })
  return {
    attach(root) {
      root.system.inspect(inspector.inspect)
      // It was created before anybody could hear it.
      const { sessionId: rootId } = root
      inspector.inspect.next?.({ type: '@xstate.actor', actorRef: root, rootId })
    },
    join: (viewer) => hub.join(viewer),
  }
}
