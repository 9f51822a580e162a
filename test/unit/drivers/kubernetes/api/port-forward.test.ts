import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { connect as connectTcp, type AddressInfo, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { KubeConfig } from '@kubernetes/client-node'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { type ApiFault, createApi } from '../../../../../src/drivers/kubernetes/api/index.ts'
import { log } from './fake-server.ts'

const data = (bytes: string | Buffer) => Buffer.concat([Buffer.from([0]), Buffer.from(bytes)])
const error = (bytes: string | Buffer) => Buffer.concat([Buffer.from([1]), Buffer.from(bytes)])
/** What a kubelet says first on each channel: 8000, its low byte before its high one. */
const port = Buffer.from([0x40, 0x1f])

/** An API server that speaks for a pod as the test says; before each forwarding comes a try. */
async function forwarding(
  speak: (websocket: WebSocket) => void,
  { autoPong = true, refuse }: { autoPong?: boolean; refuse?: string } = {},
) {
  const asked: IncomingMessage[] = []
  const websockets = new WebSocketServer({
    noServer: true,
    autoPong,
    handleProtocols: () => 'v4.channel.k8s.io',
  })
  const server = createServer()
  server.on('upgrade', (request, socket, head) => {
    asked.push(request)
    if (refuse !== undefined) {
      socket.end(refuse)
      return
    }
    websockets.handleUpgrade(request, socket, head, (websocket) => {
      websocket.on('error', () => undefined)
      if (asked.length % 2 === 0) speak(websocket)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const config = new KubeConfig()
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  config.loadFromClusterAndUser(
    { name: 'fake', server: url, skipTLSVerify: true },
    { name: 'me', token: 't' },
  )
  const told = log()
  const api = createApi(
    { config, server: url, namespace: 'ai', inCluster: false, renew() {} },
    { namespace: 'ai', log: told, timeoutMs: 2_000 },
  )
  onTestFinished(() => {
    for (const websocket of websockets.clients) websocket.terminate()
    server.close()
  })
  return {
    api,
    asked,
    told,
    websockets,
    /** A connection to the forwarded port. */
    open: async (): Promise<Socket> => {
      const forwarded = await api.portForward('vllm-0', 8000)
      const socket = connectTcp(Number(new URL(forwarded.url).port), '127.0.0.1')
      onTestFinished(() => forwarded.close())
      await once(socket, 'connect')
      return socket
    },
  }
}

const endOf = (socket: Socket) =>
  new Promise<string>((resolve) => {
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code ?? ''))
    socket.once('end', () => resolve('end'))
    socket.resume()
  })

describe('a forwarded port', () => {
  it('carries what is said in both directions, without what the kubelet says first', async () => {
    const { asked, open } = await forwarding((websocket) => {
      websocket.send(data(port.subarray(0, 1)))
      websocket.send(data(Buffer.concat([port.subarray(1), Buffer.from('hello ')])))
      websocket.send(error(port))
      websocket.on('message', (message: Buffer) => {
        expect(message[0]).toBe(0)
        websocket.send(data(message.subarray(1)))
        websocket.close(1000)
      })
    })
    const socket = await open()
    socket.write('world')
    expect(await text(socket)).toBe('hello world')
    expect(asked[1]?.url).toBe('/api/v1/namespaces/ai/pods/vllm-0/portforward?ports=8000')
    expect(asked[1]?.headers['authorization']).toBe('Bearer t')
  })

  it('ends where the pod ends, and breaks where the way there breaks', async () => {
    const ways = [
      (websocket: WebSocket) => websocket.close(1000),
      (websocket: WebSocket) => websocket.terminate(),
      (websocket: WebSocket) => websocket.close(1011),
    ]
    const { open } = await forwarding((websocket) => ways.shift()?.(websocket))
    expect(await endOf(await open())).toBe('end')
    expect(await endOf(await open())).toBe('ECONNRESET')
    expect(await endOf(await open())).toBe('ECONNRESET')
  })

  it('breaks, and says why, where the pod cannot be reached', async () => {
    const { open, told } = await forwarding((websocket) => {
      websocket.send(data(port))
      websocket.send(error(port))
      websocket.send(error('connection refused\n'))
    })
    expect(await endOf(await open())).toBe('ECONNRESET')
    expect(told.warn.mock.calls[0]?.[1]).toBe(
      'port 8000 of pod vllm-0 cannot be reached: connection refused',
    )
  })

  it('tells the pod when nobody listens any more', async () => {
    const closed = Promise.withResolvers<number>()
    const { open } = await forwarding((websocket) => {
      websocket.on('close', (code: number) => closed.resolve(code))
    })
    const socket = await open()
    socket.destroy()
    expect(await closed.promise).toBe(1000)
  })

  it('takes no more from the pod than who listens takes, and loses nothing of it', async () => {
    const piece = Buffer.alloc(1024 * 1024)
    const pieces = 64
    let taken = 0
    const { open } = await forwarding((websocket) => {
      websocket.send(data(port))
      const next = () => {
        taken += 1
        if (taken < pieces) websocket.send(data(piece), next)
      }
      websocket.send(data(piece), next)
    })
    const socket = await open()
    socket.pause()
    let before = 0
    await vi.waitFor(
      () => {
        const isSettled = taken > 0 && taken === before
        before = taken
        expect(isSettled).toBe(true)
      },
      { interval: 200, timeout: 5_000 },
    )
    expect(taken).toBeLessThan(pieces / 2)
    let got = 0
    socket.on('data', (bytes) => {
      got += bytes.length
    })
    socket.resume()
    await vi.waitFor(() => expect(got).toBe(pieces * piece.length), 5_000)
  })

  it('breaks when nobody answers there any more, and not before', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    let pings = 0
    const { open, told } = await forwarding(
      (websocket) => {
        websocket.on('ping', () => {
          pings += 1
          if (pings <= 5) websocket.pong()
        })
        websocket.send(data(Buffer.concat([port, Buffer.from('here')])))
      },
      { autoPong: false },
    )
    const socket = await open()
    await once(socket, 'data')
    const ended = endOf(socket)
    for (let each = 1; each <= 8; each++) {
      vi.advanceTimersByTime(20_000)
      await vi.waitUntil(() => pings === each)
    }
    expect(told.warn).not.toHaveBeenCalled()
    await vi.waitUntil(() => {
      vi.advanceTimersByTime(20_000)
      return told.warn.mock.calls.length > 0
    })
    expect(await ended).toBe('ECONNRESET')
    expect(told.warn.mock.calls[0]?.[1]).toContain('has gone silent')
  })

  it('is none where the API server lets nobody through, in its words', async () => {
    const said = JSON.stringify({
      message:
        'pods "vllm-0" is forbidden: User "jo" cannot create resource "pods/portforward" in API group "" in the namespace "ai"',
    })
    const { api, asked } = await forwarding(() => undefined, {
      refuse: `HTTP/1.1 403 Forbidden\r\ncontent-length: ${said.length}\r\n\r\n${said}`,
    })
    await expect(api.portForward('vllm-0', 8000)).rejects.toMatchObject({
      code: 403,
      message:
        'forward port 8000 of Pod ai/vllm-0: jo lacks the right to create pods/portforward in the namespace ai (403)',
    } satisfies Partial<ApiFault>)
    expect(asked).toHaveLength(1)
  })

  it('is closed with all that goes through it', async () => {
    const { api, asked, websockets } = await forwarding(() => undefined)
    const forwarded = await api.portForward('vllm-0', 8000)
    const socket = connectTcp(Number(new URL(forwarded.url).port), '127.0.0.1')
    const ended = endOf(socket)
    await vi.waitFor(() => expect(asked).toHaveLength(2))
    await forwarded.close()
    await forwarded.close()
    expect(await ended).toMatch(/end|ECONNRESET/)
    await vi.waitFor(() => expect(websockets.clients.size).toBe(0), 5_000)
  })
})
