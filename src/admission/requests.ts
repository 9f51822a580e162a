import { ChillError } from '../errors/index.ts'
import type { Gate } from './gate.ts'
import { cancelled } from './refusals.ts'
import type { Movable } from './routing.ts'
import type { Clock } from './clock.ts'

/** The requests that are in flight or wait, as operators see them, and how they cancel one. */
export function createRequests(gates: ReadonlyMap<string, Gate>, clock: Clock) {
  const all = () => [...gates.values()]
  const leases = () => all().flatMap((gate) => gate.leases)
  const waiters = () => all().flatMap((gate) => gate.waiters() as Movable[])

  return {
    /** Oldest first, at most so many of each kind. */
    requests(atMost: number) {
      const now = clock.now()
      const inFlight = leases()
      const waiting = waiters()
      return {
        inFlight: oldest(inFlight, atMost).map(({ request, backend, waitedMs }) => ({
          id: request.id,
          model: request.model,
          path: request.path,
          backend,
          sinceMs: Math.round(now - request.arrivedAt),
          waitedMs: Math.round(waitedMs),
        })),
        waiting: oldest(waiting, atMost).map(
          ({ request: { id, model, path, bytes, arrivedAt } }) => ({
            id,
            model,
            path,
            sinceMs: Math.round(now - arrivedAt),
            bytes,
          }),
        ),
        counts: { inFlight: inFlight.length, waiting: waiting.length },
      }
    },

    /** Cuts what is in flight under this id, and refuses what waits. Returns how many there were. */
    cancel(id: string): number {
      const cut = leases().filter(({ request }) => request.id === id)
      const refused = waiters().filter(({ request }) => request.id === id)
      if (cut.length + refused.length === 0) {
        throw new ChillError('not_found', `no request ${JSON.stringify(id)} is in flight or waits`)
      }
      for (const waiter of refused) if (waiter.gate.leave(waiter)) waiter.refuse(cancelled())
      for (const lease of cut) lease.onCut?.('an operator cancelled it', 'cancelled')
      return cut.length + refused.length
    },
  }
}

function oldest<T extends { readonly request: { readonly arrivedAt: number } }>(
  all: readonly T[],
  atMost: number,
): T[] {
  return all.toSorted((a, b) => a.request.arrivedAt - b.request.arrivedAt).slice(0, atMost)
}
