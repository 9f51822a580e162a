import type { ChillError } from '../errors/index.ts'
import type { AdmissionRequest, Lease } from './types.ts'

/** A request that waits. Ends exactly once: granted, refused, or left. */
export interface Waiter {
  readonly request: AdmissionRequest
  grant(lease: Lease): void
  refuse(error: ChillError): void
}

/**
 * Who waits for one model, in order of arrival. Sets keep the order and forget in constant time, which
 * matters when ten thousand clients leave at once.
 */
export class WaitingLine {
  readonly #arrived = new Set<Waiter>()
  /** Came back after a failed try, or from another gate, and keep their place. Sorted by arrival; small. */
  #returned = new Set<Waiter>()
  /** Those that were queued when the present residence began. */
  readonly #owed = new Set<Waiter>()
  #newestAt = -Infinity
  #weights = 0
  #arrivals = 0

  get size(): number {
    return this.#returned.size + this.#arrived.size
  }

  get owed(): number {
    return this.#owed.size
  }

  /** Who is next: the oldest. */
  get head(): Waiter | undefined {
    const returned = this.#returned.values().next().value
    const arrived = this.#arrived.values().next().value
    if (!returned || !arrived) return returned ?? arrived
    return returned.request.arrivedAt <= arrived.request.arrivedAt ? returned : arrived
  }

  /** Sum of what their waiting counts. */
  get weight(): number {
    return this.size === 0 ? 0 : this.#weights
  }

  /** Weighted mean of their arrivals, ms of the clock. */
  get meanAt(): number {
    return this.size === 0 ? 0 : this.#arrivals / this.#weights
  }

  get bytes(): number {
    let bytes = 0
    for (const { request } of this) bytes += request.bytes
    return bytes
  }

  add(waiter: Waiter): void {
    const { arrivedAt } = waiter.request
    this.#count(waiter, 1)
    if (arrivedAt >= this.#newestAt || this.#arrived.size === 0) {
      this.#newestAt = arrivedAt
      this.#arrived.add(waiter)
      return
    }
    const sorted = [...this.#returned, waiter].sort(
      (a, b) => a.request.arrivedAt - b.request.arrivedAt,
    )
    this.#returned = new Set(sorted)
  }

  remove(waiter: Waiter): boolean {
    this.#owed.delete(waiter)
    const was = this.#returned.delete(waiter) || this.#arrived.delete(waiter)
    if (was) this.#count(waiter, -1)
    return was
  }

  #count({ request }: Waiter, sign: 1 | -1): void {
    const weight = sign * weightOf(request)
    this.#weights += weight
    this.#arrivals += weight * request.arrivedAt
  }

  /** A residence begins: whoever is here now is served before the model may be taken away. */
  oweAll(): void {
    this.#owed.clear()
    for (const waiter of this) this.#owed.add(waiter)
  }

  *[Symbol.iterator](): Iterator<Waiter> {
    yield* this.#returned
    yield* this.#arrived
  }
}

function weightOf({ priority = 0 }: AdmissionRequest): number {
  return 2 ** priority
}
