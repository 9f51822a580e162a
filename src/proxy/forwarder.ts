import type { Readable } from 'node:stream'

/** A request as it goes to a backend. */
export interface Outgoing {
  /** Base address of the endpoint, no trailing slash. */
  readonly url: string
  readonly method: string
  /** Path and query. */
  readonly path: string
  /** Name, value, name, value…; without hop-by-hop headers. */
  readonly headers: string[]
  /** Buffers are held until the answer is over, so they can be sent again; a stream cannot. */
  readonly body: Buffer | readonly Buffer[] | Readable | undefined
  /** ms until the answer's head must be here; 0 for no limit. */
  readonly headersTimeoutMs: number
}

/** Why no whole answer came. */
export interface ForwardFailure {
  /** `connecting`: nothing was sent. `waiting`: sent, no byte of an answer. `answering`: cut. */
  readonly during: 'connecting' | 'waiting' | 'answering'
  /**
   * The peer closed a connection that had served before: most likely it had idled out just when the
   * request was written. A fresh connection that closes means that the backend died of something.
   */
  readonly staleConnection: boolean
  readonly timedOut: boolean
  readonly error: Error
}

/** Takes the answer as it arrives. After `end` or `failed`, or once aborted, nothing more comes. */
export interface AnswerSink {
  /** Final head (never 1xx); headers as name, value, name, value… as they came. */
  head(status: number, statusText: string, headers: readonly string[]): void
  /** False asks for a pause until `resume`. */
  data(chunk: Buffer): boolean
  end(trailers: readonly string[]): void
  failed(failure: ForwardFailure): void
}

/** A request on its way. */
export interface Forwarding {
  /** Ends the backend's side at once. */
  abort(): void
  /** Goes on after a pause that `data` asked for. */
  resume(): void
}

/** How bytes reach a backend. */
export interface Forwarder {
  forward(outgoing: Outgoing, sink: AnswerSink): Forwarding
  /** Closes idle connections; those at work end with their work. */
  close(): Promise<void>
}
