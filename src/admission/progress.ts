import { stateName } from './backends.ts'
import type { Clock } from './clock.ts'
import { retryAfterS } from './refusals.ts'
import type { Routing } from './routing.ts'
import type { WaitProgress } from './types.ts'

export type Progress = ReturnType<typeof createProgress>

/** How far a model is, and how long it should still take by what its starts took here. */
export function createProgress(
  { gates, backends, gpuWaitIn }: Routing,
  /** Clock of the state each backend is in, ms. */
  since: ReadonlyMap<string, number>,
  clock: Clock,
) {
  function usualMs(model: string): number | undefined {
    const costs = [...backends.values()].flatMap(
      (actor) => actor.getSnapshot().context.costs[model] ?? [],
    )
    return costs.length > 0 ? Math.max(...costs) : undefined
  }

  function of(model: string): WaitProgress & { loading: boolean } {
    const now = clock.now()
    const gate = [...gates.values()].find((each) => each.waitingFor(model) > 0)
    const snapshot = gate && backends.get(gate.backend)?.getSnapshot()
    if (!gate || !snapshot) {
      return { state: 'cold', elapsedMs: 0, usualMs: usualMs(model), ahead: 0, loading: false }
    }
    const { context } = snapshot
    const gpuWait = gpuWaitIn(gate.backend)
    if (gpuWait) {
      return {
        state: gpuWait.detail,
        elapsedMs: now - gpuWait.since,
        usualMs: undefined,
        ahead: Math.max(0, gate.waitingFor(model) - 1),
        loading: false,
      }
    }
    const loading =
      context.model?.name === model &&
      (snapshot.matches('creatingResources') || snapshot.matches('scalingUp'))
    return {
      state: stateName(snapshot.value),
      elapsedMs: now - (loading ? context.startedAt : (since.get(gate.backend) ?? now)),
      usualMs: usualMs(model),
      ahead: Math.max(0, gate.waitingFor(model) - 1),
      loading,
    }
  }

  return {
    of,
    /** For `Retry-After`. */
    secondsUntilReady(model: string): number {
      const { elapsedMs, usualMs, loading } = of(model)
      return retryAfterS(usualMs, loading ? elapsedMs : 0)
    },
  }
}
