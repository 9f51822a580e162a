import type { IncomingMessage } from 'node:http'
import { ChillError } from '../errors/index.ts'
import { BodyFlow } from './body-flow.ts'
import { replaceSpans, type BodyScanner } from './body-scanner.ts'
import { ModelScanner } from './model-scanner.ts'
import { MultipartScanner } from './multipart.ts'
import type { Outgoing } from './forwarder.ts'
import type { Route } from './routes.ts'

/** Smaller bodies arrive in one go or nearly so, and whole buffers travel cheaper than a stream. */
const worthFlowing = 64 * 1024
/** Bodies above this are not parsed just to be sure; parsing blocks the loop for a ms per MB. */
const mostChecked = 8 * 1024 * 1024

interface BodyEvents {
  /** A big body has named its model and is still arriving; may take it by `outgoing`. */
  modelKnown(): void
  /** All of it is here, and held. */
  whole(): void
  refused(error: unknown): void
}

/** The body of one request: read, scanned and counted as it arrives, held until it is sent. */
export class RequestBody {
  /** Bytes so far. */
  received = 0
  complete = false

  readonly #req: IncomingMessage
  readonly #limit: number
  readonly #events: BodyEvents
  readonly #declared: number | undefined
  readonly #scanner: BodyScanner | undefined
  #chunks: Buffer[] = []
  #flow: BodyFlow | undefined
  #spansSent = 0
  #servedAs: string | undefined
  #offered = false
  #discards = false

  /** Throws `request_too_large`, or `invalid_json` for a form that says of itself that it is none. */
  constructor(req: IncomingMessage, kind: Route['body'], limit: number, events: BodyEvents) {
    this.#req = req
    this.#limit = limit
    this.#events = events
    const length = req.headers['content-length']
    this.#declared = length === undefined ? undefined : Number(length)
    if (this.#declared !== undefined && this.#declared > limit) throw tooLarge(limit)
    if (kind === 'json') this.#scanner = new ModelScanner()
    else if (kind === 'multipart') this.#scanner = new MultipartScanner(req.headers['content-type'])
    req.on('data', (chunk: Buffer) => this.#guarded(() => this.#arrives(chunk)))
    req.on('end', () => this.#guarded(() => this.#ends()))
  }

  /** As the client wrote it. */
  get model(): string | undefined {
    return this.#scanner?.model
  }

  get stream(): boolean {
    return this.#scanner?.stream ?? false
  }

  /** Bytes that it has or will have, as far as that is known. */
  get size(): number {
    return Math.max(this.received, this.#declared ?? 0)
  }

  /** The backend knows the model by this name; an alias in the body is replaced by it. */
  serveAs(name: string): void {
    this.#servedAs = name
  }

  /**
   * The body as it goes on: the buffers it came in, or, while it still arrives, a stream.
   * `contentLength` is undefined where the length is not known.
   */
  outgoing(): { body: Outgoing['body']; contentLength: number | undefined } {
    const scanner = this.#scanner
    let chunks = this.#chunks
    let length = this.complete ? this.received : this.#declared
    if (scanner && this.#isAlias()) {
      const name = scanner.literal(this.#servedAs as string)
      chunks = replaceSpans(chunks, scanner.spans, name)
      if (length !== undefined)
        for (const span of scanner.spans) length += name.length - (span.end - span.start)
    }
    if (this.complete)
      return {
        body: chunks.length === 1 ? chunks[0] : chunks.length === 0 ? undefined : chunks,
        contentLength: length,
      }
    this.#spansSent = scanner?.spans.length ?? 0
    this.#flow = new BodyFlow(this.#req, chunks === this.#chunks ? chunks.slice() : chunks)
    return { body: this.#flow, contentLength: length }
  }

  /** Whether it is held again, after an attempt that failed. */
  takeBack(): boolean {
    const flow = this.#flow
    if (!flow) return true
    if (flow.started) return false
    this.#chunks.push(...flow.takeBack())
    this.#flow = undefined
    return true
  }

  /** Throws `invalid_json` when a JSON body (up to 8 MiB) is none. */
  checkWhole(): void {
    if (!(this.#scanner instanceof ModelScanner) || this.received > mostChecked) return
    try {
      // TextDecoder and not toString: it drops the byte order mark, as vLLM does.
      JSON.parse(new TextDecoder().decode(Buffer.concat(this.#chunks)))
    } catch (error) {
      // The parser's own words quote the body, and the body stays out of logs.
      throw new ChillError('invalid_json', 'the body is not valid JSON', {
        cause: (error as Error).name,
      })
    }
  }

  /** Lets go of what is held: it will not be sent again. */
  release(): void {
    this.#chunks = []
  }

  /** Nothing of it is wanted any more. */
  discard(): void {
    this.release()
    if (this.#discards) return
    this.#discards = true
    this.#flow?.destroy()
    discardRest(this.#req, this.#limit)
  }

  #guarded(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.#events.refused(error)
    }
  }

  #arrives(chunk: Buffer): void {
    this.received += chunk.length
    if (this.#discards) return
    if (this.received > this.#limit) throw tooLarge(this.#limit)
    this.#scanner?.push(chunk)
    if (this.#flow) {
      this.#flowsOn(this.#flow, chunk)
      return
    }
    this.#chunks.push(chunk)
    if (
      this.#offered ||
      this.model === undefined ||
      this.size < worthFlowing ||
      this.received === this.#declared
    )
      return
    this.#offered = true
    this.#events.modelKnown()
  }

  #flowsOn(flow: BodyFlow, chunk: Buffer): void {
    if (this.#isAlias() && (this.#scanner?.spans.length ?? 0) > this.#spansSent) {
      throw new ChillError('bad_request', 'the body names its model twice', { param: 'model' })
    }
    flow.add(chunk)
  }

  #ends(): void {
    if (this.#discards) return
    this.#scanner?.end()
    this.complete = true
    if (this.#flow) this.#flow.finish()
    else this.#events.whole()
  }

  #isAlias(): boolean {
    return this.model !== undefined && this.#servedAs !== undefined && this.model !== this.#servedAs
  }
}

/**
 * What still arrives of a body is read and dropped, so that the client hears the answer and the
 * connection stays usable; beyond twice the `limit` (bytes) politeness ends.
 */
export function discardRest(req: IncomingMessage, limit: number): void {
  if (req.readableEnded || req.destroyed) return
  let dropped = 0
  req.on('data', (chunk: Buffer) => {
    dropped += chunk.length
    if (dropped > 2 * limit) req.socket.destroy()
  })
  req.resume()
}

function tooLarge(limit: number): ChillError {
  return new ChillError('request_too_large', `the body is larger than ${limit} bytes`)
}
