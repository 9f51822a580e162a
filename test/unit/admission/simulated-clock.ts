import type { Clock } from '../../../src/admission/index.ts'

interface Timer {
  at: number
  callback: () => void
}

/** Time that stands still until it is told to pass; timers fire in order, promises settle in between. */
export class SimulatedClock implements Clock {
  #now = 1_000_000
  readonly #timers = new Map<number, Timer>()
  #ids = 0

  now(): number {
    return this.#now
  }

  setTimeout(callback: () => void, ms: number): number {
    const id = ++this.#ids
    this.#timers.set(id, { at: this.#now + Math.max(0, ms), callback })
    return id
  }

  clearTimeout(id: unknown): void {
    this.#timers.delete(id as number)
  }

  get pending(): number {
    return this.#timers.size
  }

  /** ms until the next timer; undefined when there is none. */
  get nextIn(): number | undefined {
    const at = Math.min(...[...this.#timers.values()].map((timer) => timer.at))
    return Number.isFinite(at) ? at - this.#now : undefined
  }

  async pass(ms: number): Promise<void> {
    const until = this.#now + ms
    await settled()
    for (;;) {
      const due = [...this.#timers].filter(([, timer]) => timer.at <= until)
      const first = due.sort(([a, x], [b, y]) => x.at - y.at || a - b)[0]
      if (!first) break
      const [id, { at, callback }] = first
      this.#timers.delete(id)
      this.#now = Math.max(this.#now, at)
      callback()
      await settled()
    }
    this.#now = until
  }
}

/** Every promise that can settle without time passing has settled, and what follows from it. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
