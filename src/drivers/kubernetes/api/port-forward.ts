import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import type { ApiFault } from './fault.ts'
import { carry } from './pod-connection.ts'
import { dialPod, type DialOptions } from './pod-dial.ts'

export interface Forwarded {
  /** `http://127.0.0.1:port` */
  readonly url: string
  close(): Promise<void>
}

/**
 * A port of this machine's loopback that leads to a port of a pod, through the API server: one
 * WebSocket for each connection. Not client-node's, which buffers without bounds and says of no
 * failure what it was.
 *
 * @throws ApiFault when the API server lets nobody through
 */
export async function forwardPort(options: DialOptions): Promise<Forwarded> {
  // Whoever is not let through should hear it now and not as a connection that breaks.
  const first = await dialPod(options)
  first.resume()
  first.close()
  const sockets = new Set<Socket>()
  const end = new AbortController()

  async function lead(socket: Socket): Promise<void> {
    const websocket = await dialPod({ ...options, signal: end.signal })
    if (socket.destroyed) websocket.terminate()
    else carry(socket, websocket, options)
  }

  const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    lead(socket).catch((error: ApiFault) => {
      if (!end.signal.aborted) options.log.warn({ pod: options.pod }, error.message)
      socket.resetAndDestroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      if (end.signal.aborted) return
      end.abort()
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}
