/** How long at least one of something was there. */
export class BusyTime {
  readonly #now: () => number
  #count = 0
  #since = 0
  #ms = 0

  constructor(now: () => number) {
    this.#now = now
  }

  add(): void {
    if (this.#count++ === 0) this.#since = this.#now()
  }

  remove(): void {
    if (--this.#count === 0) this.#ms += this.#now() - this.#since
  }

  total(): number {
    return this.#ms + (this.#count > 0 ? this.#now() - this.#since : 0)
  }
}
