import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { H3 } from 'h3'
import { WebSocketServer, type WebSocket } from 'ws'
import { ChillError } from '../errors/index.ts'
import { mayChange, type AccessRules } from '../operations/index.ts'
import { asChillError, requestIdOf } from '../telemetry/index.ts'
import { createInspection, type Inspection } from './inspector.ts'
import { pageFiles } from './viewer-page.ts'

const socketPath = '/proxy/inspect/socket'
/** What browsers are answered; they cannot set a header, so the token comes beside it. */
const protocol = 'vllm-chill-inspect'
const tokenPrefix = 'bearer.'
/** Of what a viewer has not read yet, bytes; after that it is dropped. */
const mostUnread = 8 * 1024 * 1024

export interface InspectorOptions extends AccessRules {
  readonly log: {
    info(fields: object, message: string): void
    error(fields: object, message: string): void
  }
}

export interface Inspector extends Pick<Inspection, 'attach'> {
  /** Mounts the page that shows Stately's viewer. */
  mount(app: H3): void
  /** Whether a request to upgrade is for a viewer. */
  takes(req: IncomingMessage): boolean
  handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Takes a server's upgrades, where nobody else does. */
  listen(server: Server): void
  /** Ends all viewers. */
  close(): void
}

/**
 * Stately's inspector over WebSocket: for whoever shows the operations token, and without one for this
 * machine only. It only tells, and takes nothing.
 */
export function createInspector({ log, ...rules }: InspectorOptions): Inspector {
  const inspection = createInspection()
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: 1024,
    handleProtocols: (offered) => (offered.has(protocol) ? protocol : false),
  })
  server.on('connection', (socket: WebSocket) => {
    const leave = inspection.join({
      send(message) {
        if (socket.bufferedAmount > mostUnread) socket.terminate()
        else socket.send(message)
      },
    })
    socket.on('close', leave)
    socket.on('error', () => socket.terminate())
  })

  const takes = (req: IncomingMessage) => pathOf(req) === socketPath

  function handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    try {
      if (!takes(req)) throw new ChillError('not_found', `No WebSocket is at ${pathOf(req)}.`)
      // Like a change, it is not for pages of others nor, without a token, for other machines.
      mayChange({ address: req.socket.remoteAddress, headers: headersOf(req) }, rules)
    } catch (error) {
      refuse(socket, error, requestIdOf(req.headers['x-request-id']))
      return
    }
    log.info({}, 'a viewer of the inspector joined')
    server.handleUpgrade(req, socket, head, (viewer) => server.emit('connection', viewer, req))
  }

  return {
    attach: (root) => inspection.attach(root),
    mount(app) {
      for (const [path, answer] of Object.entries(pageFiles)) app.get(path, answer)
    },
    takes,
    handleUpgrade,
    listen(server) {
      // Node 24: what offers another protocol is a request like any other.
      Object.assign(server, { shouldUpgradeCallback: takes })
      server.on('upgrade', handleUpgrade)
    },
    close() {
      for (const viewer of server.clients) viewer.terminate()
      server.close()
    },
  }

  function refuse(socket: Duplex, error: unknown, requestId: string): void {
    const told = asChillError(error, requestId, log)
    const body = JSON.stringify(told)
    socket.on('error', () => socket.destroy())
    socket.end(
      [
        `HTTP/1.1 ${told.status} ${STATUS_CODES[told.status] ?? ''}`,
        'content-type: application/json; charset=utf-8',
        `content-length: ${Buffer.byteLength(body)}`,
        `x-request-id: ${requestId}`,
        'connection: close',
        '',
        body,
      ].join('\r\n'),
    )
  }
}

function pathOf({ url }: IncomingMessage): string {
  return url?.split('?')[0] ?? ''
}

function headersOf({ headers }: IncomingMessage): Headers {
  const found = new Headers()
  for (const name of ['authorization', 'origin', 'host', 'sec-fetch-site'] as const) {
    const value = headers[name]
    if (typeof value === 'string') found.set(name, value)
  }
  for (const name of ['forwarded', 'x-forwarded-for', 'x-real-ip']) {
    if (headers[name] !== undefined) found.set(name, String(headers[name]))
  }
  const offered = headers['sec-websocket-protocol']?.split(/, */) ?? []
  const word = offered.find((each) => each.startsWith(tokenPrefix))
  if (word !== undefined && !found.has('authorization')) {
    const token = Buffer.from(word.slice(tokenPrefix.length), 'base64url').toString()
    if (/^[\x21-\x7e]+$/.test(token)) found.set('authorization', `Bearer ${token}`)
  }
  return found
}
