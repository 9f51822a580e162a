/** What is kept of an event until somebody asks for it. */
export interface Kept<T> {
  /** Grows by one with each event of the program, whatever ring it is in. */
  readonly number: number
  readonly value: T
}

export interface RingBounds {
  readonly count: number
  /** What all that is kept may take, by the estimate that comes with each. */
  readonly bytes: number
}

/** The last events, bounded in number and bytes; the oldest go first. */
export class Ring<T> {
  readonly #bounds: RingBounds
  readonly #slots: (Kept<T> | undefined)[] = []
  readonly #sizes: number[] = []
  /** Places are counted from the first event ever put in; they are the same for every reader. */
  #first = 0
  #next = 0
  #bytes = 0
  #lastDropped = 0

  constructor(bounds: RingBounds) {
    this.#bounds = bounds
  }

  /** Place of the oldest that is kept. */
  get first(): number {
    return this.#first
  }

  /** Place that the next one gets. */
  get next(): number {
    return this.#next
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Number of the newest event that was dropped; 0 while none was. */
  get lastDropped(): number {
    return this.#lastDropped
  }

  push(kept: Kept<T>, size: number): void {
    const { count, bytes } = this.#bounds
    while (this.#next - this.#first >= count) this.#drop()
    this.#slots[this.#next % count] = kept
    this.#sizes[this.#next % count] = size
    this.#next++
    this.#bytes += size
    while (this.#bytes > bytes && this.#first < this.#next) this.#drop()
  }

  at(place: number): Kept<T> | undefined {
    return place < this.#first || place >= this.#next
      ? undefined
      : this.#slots[place % this.#bounds.count]
  }

  /** Place of the first event with a number above this one. */
  after(number: number): number {
    let low = this.#first
    let high = this.#next
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if ((this.at(middle)?.number ?? 0) > number) high = middle
      else low = middle + 1
    }
    return low
  }

  #drop(): void {
    const slot = this.#first % this.#bounds.count
    this.#lastDropped = this.#slots[slot]?.number ?? this.#lastDropped
    this.#slots[slot] = undefined
    this.#bytes -= this.#sizes[slot] ?? 0
    this.#first++
  }
}
