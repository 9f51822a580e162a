import type { Dispatcher } from 'undici'
import { Connections, type Connection } from './connections.ts'
import { headerStrings } from './headers.ts'
import type { AnswerSink, ForwardFailure, Forwarder, Forwarding, Outgoing } from './forwarder.ts'

/** Forwards with undici's dispatcher: raw headers in, raw headers out, nothing buffered between. */
export function createDispatchForwarder(): Forwarder {
  const endpoints = new Map<string, Connections>()
  return {
    forward(outgoing, sink) {
      let connections = endpoints.get(outgoing.url)
      if (!connections) {
        // An endpoint that is not used any more leaves with its last connection.
        connections = new Connections(outgoing.url, () => endpoints.delete(outgoing.url))
        endpoints.set(outgoing.url, connections)
      }
      return new Dispatch(outgoing, sink, connections)
    },
    async close() {
      await Promise.all(Array.from(endpoints.values(), (connections) => connections.close()))
    },
  }
}

class Dispatch implements Forwarding, Dispatcher.DispatchHandler {
  readonly #sink: AnswerSink
  readonly #connections: Connections
  readonly #connection: Connection
  #controller: Dispatcher.DispatchController | undefined
  #during: ForwardFailure['during'] = 'connecting'
  #wasUsed = false
  #over = false

  constructor(outgoing: Outgoing, sink: AnswerSink, connections: Connections) {
    this.#sink = sink
    this.#connections = connections
    this.#connection = connections.take()
    this.#connection.client.dispatch(
      {
        method: outgoing.method,
        path: outgoing.path,
        headers: outgoing.headers,
        // undici takes any iterable of buffers; its types know fewer kinds of body than it does.
        body: (outgoing.body ?? null) as Buffer | null,
        headersTimeout: outgoing.headersTimeoutMs,
      },
      this,
    )
  }

  abort(): void {
    if (this.#over) return
    this.#over = true
    // Also ends what is still connecting, or queued behind it.
    this.#connections.drop(this.#connection)
  }

  resume(): void {
    if (!this.#over) this.#controller?.resume()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    this.#during = 'waiting'
    this.#wasUsed = this.#connection.served > 0
  }

  onResponseStarted(): void {
    this.#during = 'answering'
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    statusText?: string,
  ): void {
    // 102 and 103 come before the answer; clients of these APIs have no use for them.
    if (this.#over || status < 200) return
    this.#sink.head(status, statusText ?? '', headerStrings(controller.rawHeaders))
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#over && !this.#sink.data(chunk)) controller.pause()
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.#over) return
    this.#over = true
    this.#connections.giveBack(this.#connection)
    this.#sink.end(headerStrings(controller.rawTrailers))
  }

  onResponseError(
    _controller: Dispatcher.DispatchController,
    error: Error & { code?: string },
  ): void {
    if (this.#over) return
    this.#over = true
    this.#connections.drop(this.#connection)
    this.#sink.failed({
      during: this.#during,
      staleConnection: this.#wasUsed && closedByPeer.has(error.code ?? ''),
      timedOut: error.code === 'UND_ERR_HEADERS_TIMEOUT',
      error,
    })
  }
}

const closedByPeer = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])
