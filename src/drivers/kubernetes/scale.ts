import { setTimeout as delay } from 'node:timers/promises'
import { ApiFault, type Api } from './api/index.ts'
import type { Leadership } from './leadership/index.ts'

/** Between two tries while somebody else writes the same object at the same time, ms. */
const pauseMs = 50
const triesAtMost = 20

export interface Scaling {
  readonly api: Api
  readonly leadership: Leadership
  readonly deployment: string
}

/**
 * Brings a Deployment to some replicas (`up`: at least one) or to none. A scale that somebody else
 * changed meanwhile is read again and decided again. False: there is no such Deployment.
 */
export async function scale(
  { api, leadership, deployment }: Scaling,
  direction: 'up' | 'down',
  signal: AbortSignal,
): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    const found = await api.readScale(deployment, { signal })
    if (found === undefined) return false
    // More than one is somebody's wish; it is not ours to take replicas away from a start.
    const isThere = direction === 'up' ? found.replicas > 0 : found.replicas === 0
    if (isThere) return true
    leadership.assertLeads()
    signal.throwIfAborted()
    try {
      const replicas = direction === 'up' ? 1 : 0
      await api.writeScale(deployment, replicas, found.resourceVersion, { signal })
      return true
    } catch (error) {
      const isConflict = error instanceof ApiFault && error.code === 409
      if (!isConflict || attempt === triesAtMost) throw error
      await delay(pauseMs, undefined, { signal })
    }
  }
}
