import type { IncomingMessage, Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'

const protocol = 'v4.channel.k8s.io'
const dataChannel = 0
const errorChannel = 1

type AddressOf = (where: { namespace: string; pod: string }) => string | undefined

/** As a kubelet does it over WebSockets: one connection for each port, two channels for each of them. */
export function answerPortForwards(server: Server, addressOf: AddressOf): { cut(): void } {
  const websockets = new WebSocketServer({ noServer: true, handleProtocols: () => protocol })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const url = new URL(request.url ?? '/', 'https://kubelet')
    const [kind, namespace = '', pod = ''] = url.pathname.slice(1).split('/')
    const address = addressOf({ namespace, pod })
    const port = Number(url.searchParams.get('port'))
    if (kind !== 'portForward' || address === undefined) {
      socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\npod does not exist')
      return
    }
    websockets.handleUpgrade(request, socket, head, (websocket) =>
      forward(websocket, address, port),
    )
  })
  return {
    cut() {
      for (const websocket of websockets.clients) websocket.terminate()
    },
  }
}

function forward(websocket: WebSocket, host: string, port: number): void {
  const say = (channel: number, bytes: Buffer) =>
    websocket.send(Buffer.concat([Buffer.from([channel]), bytes]))
  const portNumber = Buffer.from([port & 0xff, port >> 8])
  say(dataChannel, portNumber)
  say(errorChannel, portNumber)
  const pod: Socket = connect({ host, port, noDelay: true })
  pod.on('data', (bytes) => {
    say(dataChannel, bytes)
    if (websocket.bufferedAmount < 1024 * 1024) return
    pod.pause()
    const resume = setInterval(() => {
      if (websocket.bufferedAmount > 0 && !pod.destroyed) return
      clearInterval(resume)
      pod.resume()
    }, 10)
  })
  pod.on('error', (error) => {
    say(errorChannel, Buffer.from(`error forwarding port ${port} to pod: ${error.message}`))
  })
  pod.on('close', () => websocket.close(1000))
  websocket.on('message', (message: Buffer) => {
    if (message[0] === dataChannel) pod.write(message.subarray(1))
  })
  websocket.on('error', () => pod.destroy())
  websocket.on('close', () => pod.destroy())
}
