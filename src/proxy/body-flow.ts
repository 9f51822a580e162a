import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

/** Bytes that wait for the backend before the client is asked to pause. */
const mostQueued = 256 * 1024

/**
 * A body that goes on to the backend while it still arrives. Its bytes come from outside, by `add`,
 * because they are scanned on the way; the client is paused when the backend takes them too slowly.
 */
export class BodyFlow extends Readable {
  /** The backend has taken the first bytes: from now on the request cannot be sent again. */
  started = false

  readonly #source: IncomingMessage
  readonly #held: number
  #queue: Buffer[]
  #queued = 0
  #wanted = false
  #finished = false

  constructor(source: IncomingMessage, held: Buffer[]) {
    super({ highWaterMark: 64 * 1024 })
    this.#source = source
    this.#held = held.length
    this.#queue = held
    // Whoever destroys it tells the sink too; without a listener the error would end the process.
    this.on('error', () => {})
  }

  add(chunk: Buffer): void {
    if (this.destroyed) return
    this.#queue.push(chunk)
    this.#queued += chunk.length
    if (this.#wanted) this.#pass()
    if (this.#queued > mostQueued) this.#source.pause()
  }

  /** The client has sent everything. */
  finish(): void {
    this.#finished = true
    if (this.#wanted) this.#pass()
  }

  /** What was added, if nothing has been taken yet; the flow is over then. */
  takeBack(): Buffer[] {
    const added = this.#queue.slice(this.#held)
    this.destroy()
    return added
  }

  override _read(): void {
    this.started = true
    this.#wanted = true
    this.#pass()
  }

  override _destroy(_error: Error | null, done: (error?: Error | null) => void): void {
    this.#queue = []
    this.#queued = 0
    this.#source.resume()
    done()
  }

  #pass(): void {
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      this.#queued = Math.max(0, this.#queued - next.length)
      if (!this.push(next)) {
        this.#wanted = false
        return
      }
    }
    if (this.#finished) this.push(null)
    else this.#source.resume()
  }
}
