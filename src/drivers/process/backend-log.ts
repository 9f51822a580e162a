import type { LogReading } from '../../../machines/index.ts'

const mostLines = 2_000
const mostCharacters = 1024 * 1024

/** What a backend wrote last, over all its starts, and whoever reads on. */
export class BackendLog {
  readonly #waiting = new Set<() => void>()
  #lines: string[] = []
  #characters = 0
  /** Lines are counted from the first one ever written; this is the first that is kept. */
  #first = 0
  #closed = false

  write(line: string): void {
    this.#lines.push(line)
    this.#characters += line.length
    while (this.#lines.length > mostLines || this.#characters > mostCharacters) {
      this.#characters -= this.#lines.shift()?.length ?? 0
      this.#first++
    }
    this.#wake()
  }

  /** Who reads on is told no more. */
  close(): void {
    this.#closed = true
    this.#wake()
  }

  /** Nobody is waited for: who is too slow is told how many lines there were. */
  async *read({ lines, follow }: LogReading, signal: AbortSignal): AsyncGenerator<string> {
    let next = Math.max(this.#first, this.#end - lines)
    for (;;) {
      while (next < this.#end && !signal.aborted) {
        if (next < this.#first) {
          yield `[${this.#first - next} lines were not read in time]`
          next = this.#first
        }
        yield this.#lines[next++ - this.#first] as string
      }
      if (!follow || this.#closed || signal.aborted) return
      await this.#more(signal)
    }
  }

  get #end(): number {
    return this.#first + this.#lines.length
  }

  #more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        this.#waiting.delete(end)
        signal.removeEventListener('abort', end)
        resolve()
      }
      this.#waiting.add(end)
      signal.addEventListener('abort', end)
    })
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
  }
}
