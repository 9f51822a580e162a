import type { Clock } from '../admission/index.ts'

interface Timer {
  readonly id: number
  readonly at: number
  readonly callback: () => void
}

/** Time that passes only when told to, in an instant; timers fire in order, promises settle in between. */
export class PlannedClock implements Clock {
  #now = 1_000_000
  #ids = 0
  /** A heap: the next to fire is first. Cancelled ones stay until their turn. */
  readonly #heap: Timer[] = []
  readonly #live = new Set<number>()

  now(): number {
    return this.#now
  }

  setTimeout(callback: () => void, ms: number): number {
    const id = ++this.#ids
    this.#live.add(id)
    this.#push({ id, at: this.#now + Math.max(0, ms), callback })
    return id
  }

  clearTimeout(id: unknown): void {
    this.#live.delete(id as number)
  }

  async pass(ms: number): Promise<void> {
    const until = this.#now + ms
    await settled()
    for (;;) {
      const timer = this.#heap[0]
      if (!timer || timer.at > until) break
      this.#pop()
      if (!this.#live.delete(timer.id)) continue
      this.#now = Math.max(this.#now, timer.at)
      timer.callback()
      await settled()
    }
    this.#now = until
  }

  #push(timer: Timer): void {
    const heap = this.#heap
    let index = heap.length
    for (; index > 0;) {
      const parent = (index - 1) >> 1
      if (!isBefore(timer, heap[parent]!)) break
      heap[index] = heap[parent]!
      index = parent
    }
    heap[index] = timer
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[index] = heap[child]!
      index = child
    }
    heap[index] = last
  }
}

/** Of two at the same time, the one that was set first. */
function isBefore(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.id < b.id)
}

/** Every promise that can settle without time passing has settled, and what follows from it. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
