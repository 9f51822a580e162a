import type { Socket } from 'node:net'
import type { RawData, WebSocket } from 'ws'

/** Of the one port that is forwarded; in each, what comes first is the port's number, two bytes. */
const dataChannel = 0
const errorChannel = 1
const portBytes = 2
/** Bytes that may wait for the API server before no more is read. */
const longestQueue = 1024 * 1024
/** A connection that is silent is asked whether it is there. */
const pingMs = 20_000
const missedPings = 3
const normalClosure = 1000

/** One TCP connection, over an open WebSocket that is paused. Both end together. */
export function carry(
  socket: Socket,
  websocket: WebSocket,
  {
    pod,
    port,
    log,
  }: {
    readonly pod: string
    readonly port: number
    readonly log: { warn(fields: object, message: string): void }
  },
): void {
  const headLeft = [portBytes, portBytes]
  let missed = 0

  function send(piece: Buffer): void {
    const message = Buffer.allocUnsafe(piece.length + 1)
    message[0] = dataChannel
    piece.copy(message, 1)
    websocket.send(message, () => {
      if (websocket.bufferedAmount < longestQueue) socket.resume()
    })
    if (websocket.bufferedAmount >= longestQueue) socket.pause()
  }

  function receive(data: RawData): void {
    missed = 0
    const message = data as Buffer
    const channel = message[0] ?? -1
    const head = Math.min(headLeft[channel] ?? 0, message.length - 1)
    if (channel in headLeft) headLeft[channel] = (headLeft[channel] ?? 0) - head
    const rest = message.subarray(1 + head)
    if (rest.length === 0) return
    if (channel === dataChannel && !socket.write(rest)) websocket.pause()
    if (channel === errorChannel) {
      log.warn({ pod }, `port ${port} of pod ${pod} cannot be reached: ${String(rest).trim()}`)
      socket.resetAndDestroy()
    }
  }

  const ping = setInterval(() => {
    // Whoever takes in nothing cannot answer either.
    if (websocket.bufferedAmount > 0 || websocket.isPaused) return
    if (missed >= missedPings) {
      log.warn({ pod }, `the connection to pod ${pod} through the API server has gone silent`)
      websocket.terminate()
      return
    }
    missed += 1
    websocket.ping()
  }, pingMs).unref()

  socket.on('data', send)
  socket.on('drain', () => websocket.resume())
  socket.once('close', () => {
    clearInterval(ping)
    websocket.resume()
    websocket.close(normalClosure)
  })
  websocket.on('message', receive)
  websocket.on('pong', () => {
    missed = 0
  })
  websocket.once('close', (code) => {
    clearInterval(ping)
    // An end that was cut off must not look like the end of what was said.
    if (code === normalClosure) socket.destroySoon()
    else socket.resetAndDestroy()
  })
  websocket.resume()
  socket.resume()
}
