import type { IncomingHttpHeaders } from 'node:http'
import type { Lease } from '../admission/index.ts'
import type { ForwardFailure } from './forwarder.ts'
import type { RequestRecord } from './types.ts'

/** What a trace may know of a request at its head; nothing of its content. */
export interface TracedRequest {
  readonly method: string
  /** Pattern of the route, `other` where there is none. */
  readonly route: string
  /** Without its query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
}

/** Is told the moments of one request, as they come. */
export interface RequestTrace {
  readonly traceId: string
  /** There is no lease at once. */
  waits(model: string): void
  /**
   * It is sent on with this lease. Returns W3C's headers for it, as name, value, name, value…; those of
   * the client stay behind.
   */
  forwarded(lease: Lease): readonly string[]
  /** The backend's head is here. */
  answered(status: number): void
  /** The backend's side broke; it may be sent again. */
  failed(failure: ForwardFailure): void
  /** Nothing goes on after this, on either side. */
  over(): void
  /** The last byte of the answer is out, or never will be. Always the last. */
  ended(record: RequestRecord): void
}

export interface Tracer {
  request(request: TracedRequest): RequestTrace
}
