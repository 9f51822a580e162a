import { createServer, type AddressInfo, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { PortForward, type KubeConfig } from '@kubernetes/client-node'

export interface Forwarded {
  /** `http://127.0.0.1:port` */
  readonly url: string
  close(): Promise<void>
}

/** A port of this machine that leads to a port of a pod, through the API server. */
export async function forwardPort(
  config: KubeConfig,
  namespace: string,
  pod: string,
  port: number,
): Promise<Forwarded> {
  const forward = new PortForward(config, true)
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    const errors = new PassThrough()
    errors.once('data', () => socket.destroy())
    forward
      .portForward(namespace, pod, [port], socket, errors, socket)
      .then((connection) => {
        const websocket = typeof connection === 'function' ? connection() : connection
        if (websocket === null) {
          socket.destroy()
          return
        }
        socket.once('close', () => websocket.close())
        websocket.on('close', () => socket.destroy())
        websocket.on('error', () => socket.destroy())
      })
      .catch(() => socket.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
