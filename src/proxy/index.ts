import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { H3 } from 'h3'
import { createApp } from './app.ts'
import type { ProxyContext } from './context.ts'
import { createCors } from './cors.ts'
import { createDispatchForwarder } from './dispatch.ts'
import { createKeyCheck } from './keys.ts'
import { StoredResponses } from './stored-responses.ts'
import type { ProxyOptions, RequestRecord } from './types.ts'
import { createUpgradeHandler } from './websocket.ts'

export type { TokenUsage } from './answer-tail.ts'
export type { RequestTrace, TracedRequest, Tracer } from './trace.ts'
export type { AnswerCopy, ProxyLog, ProxyOptions, ProxySettings, RequestRecord } from './types.ts'
export type { AnswerSink, ForwardFailure, Forwarder, Forwarding, Outgoing } from './forwarder.ts'

export interface Proxy {
  /** The clients' API; other routes may be mounted on it. Serve it with `toNodeHandler`. */
  readonly app: H3
  /** Listener for the server's `upgrade` event. */
  handleUpgrade(this: void, req: IncomingMessage, socket: Duplex, head: Buffer): void
  /**
   * For the server's `shouldUpgradeCallback` (Node 24): what offers another protocol than WebSocket,
   * such as Java's client its `h2c`, is a request like any other.
   */
  shouldUpgrade(this: void, req: IncomingMessage): boolean
  /** Closes idle connections to backends; what is on its way goes on to its end. */
  close(): Promise<void>
}

/** Builds the clients' side of the program; nothing listens and nothing is sent yet. */
export function createProxy(options: ProxyOptions): Proxy {
  const { settings } = options
  const context: ProxyContext = {
    ...options,
    onRequest: (record) => tellRequest(options, record),
    forwarder: options.forwarder ?? createDispatchForwarder(),
    responses: new StoredResponses(),
    checkKey: createKeyCheck(settings.apiKeys),
    cors: createCors(settings.corsOrigins),
    credentials: {
      dropsClientKeys: settings.apiKeys.length > 0,
      backendKey: settings.backendApiKey,
    },
  }
  return {
    app: createApp(context),
    handleUpgrade: createUpgradeHandler(context),
    shouldUpgrade: (req) => req.headers.upgrade?.toLowerCase() === 'websocket',
    close: () => context.forwarder.close(),
  }
}

/** Called from events of sockets, where an error would end the program. */
function tellRequest({ onRequest, log }: ProxyOptions, record: RequestRecord): void {
  try {
    onRequest?.(record)
  } catch (error) {
    log.error({ requestId: record.id, err: error }, 'a listener to requests failed')
  }
}
