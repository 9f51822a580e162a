import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { WebSocket, type ClientOptions } from 'ws'
import { untilAborted } from '../../engine/index.ts'
import type { Connection } from './connection.ts'
import { ApiFault, faultOf, unreachable, withoutCredentials } from './fault.ts'
import { pathOf } from './kinds.ts'

/** Each message begins with the number of its channel. */
const protocol = 'v4.channel.k8s.io'

export interface DialOptions {
  readonly connection: Connection
  readonly namespace: string
  readonly pod: string
  readonly port: number
  readonly timeoutMs: number
  readonly log: { warn(fields: object, message: string): void }
  readonly signal?: AbortSignal
}

/** An open WebSocket to one port of a pod. @throws ApiFault */
export async function dialPod(options: DialOptions): Promise<WebSocket> {
  const { connection } = options
  const { config } = connection
  try {
    return await dialOnce(options)
  } catch (error) {
    if (!(error instanceof ApiFault) || error.code !== 401) throw error
    connection.renew(config)
    if (connection.config === config) throw error
    return await dialOnce(options)
  }
}

async function dialOnce(options: DialOptions): Promise<WebSocket> {
  const { connection, namespace, pod, port, timeoutMs } = options
  const what = `forward port ${port} of Pod ${namespace}/${pod}`
  const late = AbortSignal.timeout(timeoutMs)
  const signal = options.signal ? AbortSignal.any([options.signal, late]) : late
  const settings: ClientOptions = { perMessageDeflate: false }
  try {
    await untilAborted(connection.config.applyToHTTPSOptions(settings), signal)
  } catch (error) {
    throw withoutCredentials(what, error)
  }
  const url = new URL(
    connection.server.replace(/\/$/, '') +
      pathOf('Pod', namespace, { name: pod, subresource: 'portforward' }),
  )
  url.protocol = url.protocol === 'http:' ? 'ws:' : 'wss:'
  url.searchParams.set('ports', String(port))
  const websocket = new WebSocket(url, [protocol], settings)
  const opened = Promise.withResolvers<void>()
  // What the pod says at once must not be lost between here and whoever listens.
  websocket.once('open', () => {
    websocket.pause()
    opened.resolve()
  })
  websocket.once('unexpected-response', (_, answer) => void refuse(answer))
  websocket.on('error', (error) => opened.reject(unreachable(what, connection.server, error)))

  async function refuse(answer: IncomingMessage): Promise<void> {
    const body = await text(answer).catch(() => '')
    opened.reject(faultOf(what, answer.statusCode ?? 0, body, answer.headers['retry-after']))
  }

  try {
    await untilAborted(opened.promise, signal)
    return websocket
  } catch (error) {
    websocket.terminate()
    throw error instanceof ApiFault ? error : unreachable(what, connection.server, error)
  }
}
