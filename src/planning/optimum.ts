import type { Workload } from './simulation.ts'

interface State {
  readonly now: number
  readonly loaded: string | undefined
  /** When the last request that was admitted ends. */
  readonly drainedAt: number
  /** Bits of the requests that have been admitted. */
  readonly served: number
}

/**
 * The least Σ waiting + Σ loading, ms, that any schedule can have which knows the future, under the rules
 * of the charts: one model at a time, drained before it goes, loaded only for somebody who waits, and
 * open to all its requests while it is loaded. Tries all schedules; for a handful of requests.
 */
export function optimum({ arrivals, loadMs, unloadMs }: Workload): number {
  const all = (1 << arrivals.length) - 1
  const known = new Map<string, number>()

  function admit(state: State): { state: State; waitedMs: number } {
    let { drainedAt, served } = state
    let waitedMs = 0
    for (const [i, { at, model, durationMs }] of arrivals.entries()) {
      if (model !== state.loaded || at > state.now || served & (1 << i)) continue
      served |= 1 << i
      waitedMs += state.now - at
      drainedAt = Math.max(drainedAt, state.now + durationMs)
    }
    return { state: { ...state, drainedAt, served }, waitedMs }
  }

  function cheapest(before: State): number {
    const { state, waitedMs } = admit(before)
    if (state.served === all) return waitedMs
    const { now, loaded, served } = state
    const drainedAt = Math.max(now, state.drainedAt)
    const key = `${now}|${loaded}|${drainedAt}|${served}`
    let best = known.get(key)
    if (best === undefined) {
      // Nothing changes between two arrivals, so whatever is worth doing is worth doing at one.
      const later = arrivals.find(({ at }) => at > now)
      best = later ? cheapest({ ...state, now: later.at }) : Infinity
      for (const model of waitingModels(state)) {
        const load = loadMs[model]!
        const readyAt = (loaded === undefined ? now : drainedAt + unloadMs) + load
        const next = { now: readyAt, loaded: model, drainedAt: readyAt, served }
        best = Math.min(best, load + cheapest(next))
      }
      known.set(key, best)
    }
    return waitedMs + best
  }

  function waitingModels({ now, loaded, served }: State): Set<string> {
    const waiting = arrivals.filter(
      ({ at, model }, i) => at <= now && model !== loaded && !(served & (1 << i)),
    )
    return new Set(waiting.map(({ model }) => model))
  }

  return cheapest({ now: 0, loaded: undefined, drainedAt: 0, served: 0 })
}
