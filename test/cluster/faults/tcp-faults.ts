import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** What can go wrong below TLS, for all connections alike. */
export interface TcpFaults {
  readonly port: number
  /** Breaks every connection there is; new ones work. */
  cut(): void
  /** Nothing gets through any more, in either direction, and nothing is closed. Returns the end of it. */
  stall(): () => void
  /** Each piece of data takes so much longer. Returns the end of it. */
  slowDown(ms: number): () => void
  /** Breaks every connection and refuses new ones. Resolves to what lets them in again. */
  goAway(): Promise<() => Promise<void>>
  close(): Promise<void>
}

export async function startTcpFaults(
  address: string,
  target: { readonly host: string; readonly port: number },
): Promise<TcpFaults> {
  const sockets = new Set<Socket>()
  /** Each of them holds everything back until it resolves. */
  const stalls = new Set<Promise<void>>()
  let delayMs = 0
  const pump = async (from: Socket, to: Socket) => {
    for await (const piece of from) {
      if (delayMs > 0) await delay(delayMs)
      while (stalls.size > 0) await Promise.all(stalls)
      if (!to.write(piece)) await once(to, 'drain')
    }
    to.end()
  }
  const carry = (client: Socket) => {
    const server = connect(target)
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        server.destroy()
      })
      // 'close' follows.
      socket.on('error', () => {})
    }
    pump(client, server).catch(() => client.destroy())
    pump(server, client).catch(() => server.destroy())
  }
  const server = createServer({ allowHalfOpen: true }, carry)
  const listen = async (port: number) => {
    server.listen(port, address)
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const port = await listen(0)
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  const goAway = async () => {
    if (!server.listening) return
    server.close()
    cut()
    await once(server, 'close')
  }
  return {
    port,
    cut,
    stall() {
      const { promise, resolve } = Promise.withResolvers<void>()
      stalls.add(promise)
      return () => {
        stalls.delete(promise)
        resolve()
      }
    },
    slowDown(ms) {
      delayMs = ms
      return () => {
        delayMs = 0
      }
    },
    async goAway() {
      await goAway()
      return async () => {
        if (!server.listening) await listen(port)
      }
    },
    async close() {
      await goAway()
    },
  }
}
