import type { ServerResponse } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { ChillError, ErrorCode } from '../errors/index.ts'
import { errorBody, errorEvent, errorHeaders } from './error-answer.ts'
import { answeredHeaders, headerValue } from './headers.ts'
import { ResponseWriter } from './response-writer.ts'
import type { Api } from './routes.ts'

/** Bytes kept of an answer that must be turned into an event. */
const longestCollected = 1024 * 1024

const Kind = { none: 0, plain: 1, stream: 2, collected: 3 } as const

/**
 * The client's side of one request, written straight to Node's response. It knows what the client has
 * been told already, and so in which form anything further can be said.
 */
export class Answer {
  /** What really happened; while waiting comments go out the client has been told 200. */
  status = 0
  code: ErrorCode | undefined
  bytes = 0
  /** ms in the gate; told in a header where the head is still to be written. */
  waitedMs = 0
  /** SSE comments have committed status 200. */
  committed = false

  readonly #res: ServerResponse
  readonly #writer: ResponseWriter
  readonly #requestId: string
  readonly #cors: readonly string[]
  readonly #api: Api
  #kind: number = Kind.none
  #collected: Buffer[] = []
  #collectedBytes = 0
  #hasLength = false
  /** Last four bytes of a stream. */
  #tail = 0x0a0a

  constructor(res: ServerResponse, requestId: string, cors: readonly string[], api: Api) {
    this.#res = res
    this.#writer = new ResponseWriter(res)
    this.#requestId = requestId
    this.#cors = cors
    this.#api = api
  }

  /** Whether a head, and so perhaps a part of the answer, has gone out. */
  get begun(): boolean {
    return this.#res.headersSent
  }

  /** Keeps the line of a waiting stream alive; the first one commits status 200. */
  comment(text: string): void {
    if (!this.committed) {
      this.committed = true
      this.#writer.writeHead(200, 'OK', [
        'content-type',
        'text/event-stream; charset=utf-8',
        'cache-control',
        'no-cache',
        ...this.#ours(),
      ])
    }
    this.#write(`: ${text}\n\n`)
  }

  /** The backend's head. */
  head(status: number, statusText: string, headers: readonly string[]): void {
    this.status = status
    const isStream = headerValue(headers, 'content-type')?.startsWith('text/event-stream') === true
    if (this.committed) {
      this.#kind = isStream && status === 200 ? Kind.stream : Kind.collected
      return
    }
    this.#kind = isStream ? Kind.stream : Kind.plain
    this.#hasLength = headerValue(headers, 'content-length') !== undefined
    this.#writer.writeHead(status, statusText, answeredHeaders(headers, this.#ours()))
  }

  /** False when the client reads more slowly than the backend writes. */
  data(chunk: Buffer): boolean {
    if (this.#kind === Kind.collected) {
      this.#collectedBytes += chunk.length
      if (this.#collectedBytes <= longestCollected) this.#collected.push(Buffer.from(chunk))
      return true
    }
    if (this.#kind === Kind.stream) this.#remembersTail(chunk)
    this.bytes += chunk.length
    return this.#writer.write(chunk)
  }

  end(trailers: readonly string[]): void {
    if (this.#kind === Kind.collected) {
      this.#endWith(this.#collectedAsEvent())
      return
    }
    this.#writer.end(trailers.length === 0 ? trailers : answeredHeaders(trailers, []))
  }

  /** Answers with an error of ours, in whatever form is still possible. */
  refuse(error: ChillError, extra: readonly string[] = []): void {
    const res = this.#res
    this.status = error.status
    this.code = error.code
    if (res.writableEnded || res.destroyed) return
    if (this.committed && this.#kind !== Kind.stream) {
      this.#endWith(errorEvent(error, this.#api))
    } else if (res.headersSent) {
      this.#breakOff(error)
    } else {
      const body = errorBody(error, this.#api)
      const length = Buffer.byteLength(body)
      this.bytes += length
      const ours = ['content-length', String(length), ...this.#ours()]
      // A head that Node refused to write has left its reason behind.
      res.statusMessage = ''
      res.writeHead(error.status, [...errorHeaders(error), ...extra, ...ours])
      res.end(body)
    }
  }

  /** An answer that was cut must never look whole: the connection goes, not merely the answer. */
  #breakOff(error: ChillError): void {
    const res = this.#res
    if (this.#kind === Kind.stream && this.#isBetweenEvents())
      this.#write(errorEvent(error, this.#api))
    this.#writer.flush()
    const socket = res.socket
    if (!socket) res.destroy()
    else if (this.#writer.chunked || this.#hasLength) socket.destroySoon()
    // Without length and chunks, the end of the connection would be taken for the end of the answer.
    else if (socket instanceof TLSSocket) socket.destroy()
    else socket.resetAndDestroy()
  }

  #endWith(event: string): void {
    this.#write(event)
    this.#writer.end()
  }

  #write(text: string): void {
    const bytes = Buffer.from(text)
    this.bytes += bytes.length
    this.#writer.write(bytes)
  }

  #ours(): string[] {
    const headers = ['x-request-id', this.#requestId]
    const waited = Math.round(this.waitedMs)
    if (waited > 0) headers.push('x-vllm-chill-waited-ms', String(waited))
    for (const one of this.#cors) headers.push(one)
    return headers
  }

  #remembersTail(chunk: Buffer): void {
    let tail = this.#tail
    for (let i = Math.max(0, chunk.length - 4); i < chunk.length; i++)
      tail = (tail << 8) | (chunk[i] as number)
    this.#tail = tail
  }

  #isBetweenEvents(): boolean {
    return (this.#tail & 0xffff) === 0x0a0a || this.#tail === 0x0d0a0d0a
  }

  /** What the backend said, where a stream had been promised: its error, or its one whole answer. */
  #collectedAsEvent(): string {
    const text = Buffer.concat(this.#collected).toString()
    let body: unknown
    try {
      body = JSON.parse(text)
    } catch {
      body = undefined
    }
    const isObject = typeof body === 'object' && body !== null
    if (this.status < 400 && isObject) return `data: ${JSON.stringify(body)}\n\n`
    if (typeof body === 'object' && body !== null && 'error' in body)
      return errorEvent(body, this.#api)
    const message = isObject ? JSON.stringify(body) : text.slice(0, 1000)
    return errorEvent(
      { error: { message, type: 'server_error', param: null, code: this.status } },
      this.#api,
    )
  }
}
