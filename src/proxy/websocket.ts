import { STATUS_CODES, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Client, type Dispatcher } from 'undici'
import type { AdmissionRequest, Lease } from '../admission/index.ts'
import { ChillError } from '../errors/index.ts'
import { asChillError, requestIdOf } from '../telemetry/index.ts'
import { chooseModel } from './choose-model.ts'
import type { ProxyContext } from './context.ts'
import { errorBody, errorHeaders } from './error-answer.ts'
import { cutError, failureError } from './failure-error.ts'
import type { ForwardFailure } from './forwarder.ts'
import { answeredHeaders, forwardedHeaders, headerStrings } from './headers.ts'
import { requestPriority } from './priority.ts'
import { setTraceContext } from './outgoing-headers.ts'
import type { RequestTrace } from './trace.ts'
import type { RequestRecord } from './types.ts'

const realtimePath = '/v1/realtime'
/** A client that speaks before it has been answered is buffered up to this, bytes. */
const mostEarly = 64 * 1024

/** Listener for a server's `upgrade` event: tunnels `/v1/realtime`, refuses everything else. */
export function createUpgradeHandler(
  context: ProxyContext,
): (req: IncomingMessage, socket: Duplex, head: Buffer) => void {
  // Node types it as any stream; it is the connection itself.
  return (req, socket, head) => new Tunnel(context, req, socket as Socket, head).start()
}

/** One WebSocket: key, gate, then two sockets joined until either side ends. It holds a lease. */
class Tunnel {
  readonly #context: ProxyContext
  readonly #req: IncomingMessage
  readonly #socket: Socket
  readonly #id: string
  readonly #startedAt = performance.now()
  readonly #trace: RequestTrace | undefined
  #forwardedMs: number | undefined
  readonly #waiting = new AbortController()
  #early: Buffer[]
  #earlyBytes: number
  #request: AdmissionRequest | undefined
  #lease: Lease | undefined
  #backend: string | undefined
  #client: Client | undefined
  #upstream: Duplex | undefined
  #status = 0
  #error: ChillError | undefined
  #waitedMs = 0
  #over = false

  constructor(context: ProxyContext, req: IncomingMessage, socket: Socket, head: Buffer) {
    this.#context = context
    this.#req = req
    this.#socket = socket
    this.#id = requestIdOf(req.headers['x-request-id'])
    this.#early = head.length > 0 ? [head] : []
    this.#earlyBytes = head.length
    const [path = ''] = (req.url ?? '').split('?', 1)
    this.#trace = context.tracer?.request({
      method: 'GET',
      route: path === realtimePath ? realtimePath : 'other',
      path,
      headers: req.headers,
    })
  }

  start(): void {
    const socket = this.#socket
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#closed())
    // Unread, a socket would not even tell that the client has left.
    socket.on('data', this.#onEarly)
    socket.on('end', this.#onEarlyEnd)
    this.#admit().then(
      (lease) => this.#connect(lease),
      (error: unknown) => this.#refuse(error),
    )
  }

  readonly #onEarly = (chunk: Buffer): void => {
    this.#early.push(chunk)
    this.#earlyBytes += chunk.length
    if (this.#earlyBytes > mostEarly) this.#socket.pause()
  }

  readonly #onEarlyEnd = (): void => {
    this.#socket.destroy()
  }

  async #admit(): Promise<Lease> {
    const { admission, catalogue, checkKey, settings } = this.#context
    const url = URL.parse(this.#req.url ?? '/', 'http://localhost')
    if (!url) throw new ChillError('bad_request', 'the address of the request cannot be understood')
    if (url.pathname !== realtimePath)
      throw new ChillError('not_found', `no WebSocket is served at ${url.pathname.slice(0, 200)}`)
    checkKey(this.#req.headers)
    const model = chooseModel(
      catalogue,
      url.searchParams.get('model') || undefined,
      settings.defaultModel,
    ).name
    const request = {
      id: this.#id,
      model,
      path: realtimePath,
      bytes: 0,
      arrivedAt: admission.now(),
      priority: requestPriority(this.#req.headers, settings.priorityHeader),
    }
    this.#request = request
    const lease = admission.tryAcquire(request)
    if (lease) return lease
    this.#trace?.waits(model)
    return await admission.acquire(request, this.#waiting.signal)
  }

  #connect(lease: Lease): void {
    this.#lease = lease
    this.#backend = lease.backend
    this.#waitedMs = lease.waitedMs
    this.#forwardedMs = performance.now() - this.#startedAt
    if (this.#socket.destroyed) {
      this.#giveBack()
      return
    }
    lease.onCut = (reason, code) =>
      this.#refuse(cutError(`the connection was cut: ${reason}`, code))
    // A connection of its own: after the upgrade it belongs to this tunnel.
    const client = new Client(lease.endpoint.url, {
      allowH2: false,
      headersTimeout: this.#context.settings.backendTimeoutMs,
      bodyTimeout: 0,
      connect: { allowHalfOpen: true },
    })
    this.#client = client
    let during: ForwardFailure['during'] = 'connecting'
    client.dispatch(
      {
        method: 'GET',
        path: this.#req.url as string,
        headers: this.#headersFor(lease),
        upgrade: 'websocket',
      },
      {
        onRequestStart: () => {
          during = 'waiting'
        },
        onRequestUpgrade: (controller, status, _headers, upstream) =>
          this.#join(status, headerStrings(controller.rawHeaders), upstream),
        onResponseStart: (controller, status, _headers, statusText) => {
          if (status < 200) return
          this.#trace?.answered(status)
          const ours = ['connection', 'close', ...this.#ours()]
          const headers = answeredHeaders(headerStrings(controller.rawHeaders), ours)
          this.#tellHead(status, statusText, headers)
        },
        // Not a tunnel but a refusal of the backend's own, which is short.
        onResponseData: (_controller, chunk) => void this.#socket.write(chunk),
        onResponseEnd: () => this.#end(),
        onResponseError: (_controller, error: Error & { code?: string }) => {
          const timedOut = error.code === 'UND_ERR_HEADERS_TIMEOUT'
          // Ended by ourselves, it says nothing of the endpoint.
          if (!timedOut && !this.#over && !this.#error && this.#status === 0) lease.suspect()
          const failure = { during, staleConnection: false, timedOut, error }
          this.#trace?.failed(failure)
          this.#refuse(failureError(failure, false, lease.backend))
        },
      } satisfies Dispatcher.DispatchHandler,
    )
  }

  #headersFor(lease: Lease): string[] {
    const headers = forwardedHeaders(this.#req.rawHeaders, this.#id, this.#context.credentials)
    if (this.#trace) setTraceContext(headers, this.#trace.forwarded(lease))
    return headers
  }

  #tellHead(status: number, statusText: string | undefined, headers: readonly string[]): void {
    this.#status = status
    let head = `HTTP/1.1 ${status} ${statusText || STATUS_CODES[status] || ''}\r\n`
    for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`
    this.#socket.write(`${head}\r\n`, 'latin1')
  }

  #join(status: number, headers: readonly string[], upstream: Duplex): void {
    const socket = this.#socket
    const { websocketIdleTimeoutMs } = this.#context.settings
    this.#upstream = upstream
    this.#trace?.answered(status)
    const ours = ['connection', 'upgrade', 'upgrade', 'websocket', ...this.#ours()]
    this.#tellHead(status, undefined, answeredHeaders(headers, ours))
    upstream.on('error', () => upstream.destroy())
    upstream.on('close', () => socket.destroySoon())
    socket.off('data', this.#onEarly)
    socket.off('end', this.#onEarlyEnd)
    for (const chunk of this.#early) upstream.write(chunk)
    this.#early = []
    // pipe ends the other side when one side ends, so each half closes by itself.
    socket.pipe(upstream).pipe(socket)
    // Every byte passes through this socket, one way or the other: its silence is the tunnel's.
    socket.setTimeout(websocketIdleTimeoutMs, () => this.#end())
  }

  #ours(): string[] {
    const waited = Math.round(this.#waitedMs)
    const headers = ['x-request-id', this.#id]
    return waited > 0 ? [...headers, 'x-vllm-chill-waited-ms', String(waited)] : headers
  }

  /** Refused, or left, before a lease. */
  #endWait(): void {
    if (!this.#request || this.#backend !== undefined || this.#waiting.signal.aborted) return
    this.#waitedMs = this.#context.admission.now() - this.#request.arrivedAt
    this.#waiting.abort()
  }

  #refuse(error: unknown): void {
    if (this.#error || this.#over) return
    this.#endWait()
    const told = asChillError(error, this.#id, this.#context.log)
    this.#error = told
    if (this.#status === 0 && !this.#socket.destroyed) {
      const body = errorBody(told, 'openai')
      const length = ['content-length', String(Buffer.byteLength(body)), 'connection', 'close']
      this.#tellHead(told.status, undefined, [...errorHeaders(told), ...length, ...this.#ours()])
      this.#socket.end(body)
    }
    this.#end()
  }

  /** Ends both sides; what has been written still arrives. */
  #end(): void {
    this.#trace?.over()
    this.#endWait()
    this.#upstream?.destroy()
    void this.#client?.destroy()
    this.#socket.destroySoon()
    this.#giveBack()
  }

  #giveBack(): void {
    const lease = this.#lease
    this.#lease = undefined
    if (!lease) return
    lease.onCut = undefined
    lease.release()
  }

  #closed(): void {
    this.#over = true
    this.#end()
    const left = this.#status === 0
    const record: RequestRecord = {
      id: this.#id,
      method: 'GET',
      route: this.#error?.code === 'not_found' ? 'other' : realtimePath,
      model: this.#request?.model,
      backend: this.#backend,
      status: this.#error?.status ?? (left ? 499 : this.#status),
      code: this.#error?.code ?? (left ? ('client_left' as const) : undefined),
      stream: true,
      waitedMs: this.#waitedMs,
      forwardedMs: this.#forwardedMs,
      firstByteMs: undefined,
      durationMs: performance.now() - this.#startedAt,
      bytesIn: this.#socket.bytesRead,
      bytesOut: this.#socket.bytesWritten,
      usage: undefined,
      traceId: this.#trace?.traceId,
    }
    this.#trace?.ended(record)
    this.#context.onRequest(record)
  }
}
