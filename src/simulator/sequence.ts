/** One request in the engine: something that sleeps between tokens and can be woken to die. */
export class Sequence {
  aborted = false
  /** Tokens in the cache on its behalf. */
  held = 0
  /** What the engine does to take it out. */
  onAbort: () => void = () => {}
  #wake: (() => void) | undefined

  /** Adds to what it holds, and returns what was added. */
  holds(tokens: number): number {
    this.held += tokens
    return tokens
  }

  /** Waits for `ms` (Infinity: until resumed), or not at all once aborted. */
  async pause(ms: number): Promise<void> {
    if (ms <= 0 || this.aborted) return
    await new Promise<void>((resolve) => {
      const timer = ms === Infinity ? undefined : setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = undefined
  }

  resume(): void {
    this.#wake?.()
  }

  abort(): void {
    this.aborted = true
    this.resume()
  }
}
