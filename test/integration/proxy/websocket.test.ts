import type { IncomingMessage } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { ChillError } from '../../../src/errors/index.ts'
import { once, rawConnection, world, type World } from './harness.ts'

let open: World | undefined
afterEach(async () => {
  await open?.close()
  open = undefined
})

interface Realtime {
  at: World
  server: WebSocketServer
  requests: IncomingMessage[]
}

/** A backend that answers each message with its text doubled. */
async function realtime(settings: Parameters<typeof world>[1] = {}): Promise<Realtime> {
  const at = await world((_, res) => res.end(), settings)
  open = at
  const requests: IncomingMessage[] = []
  const server = new WebSocketServer({ server: at.backend })
  server.on('connection', (socket, request) => {
    requests.push(request)
    socket.on('message', (data: Buffer) => socket.send(`${data.toString()}${data.toString()}`))
    socket.on('error', () => {})
  })
  return { at, server, requests }
}

function client(
  at: World,
  path = '/v1/realtime?model=org/model',
  headers: Record<string, string> = {},
): WebSocket {
  const socket = new WebSocket(`${at.url.replace('http', 'ws')}${path}`, { headers })
  socket.on('error', () => {})
  return socket
}

/** The answer to an upgrade that is refused. */
async function refusal(
  socket: WebSocket,
): Promise<{ status: number; headers: IncomingMessage['headers']; code: string }> {
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
  let text = ''
  for await (const part of response) text += String(part)
  const { error } = JSON.parse(text) as { error: { code: string } }
  return { status: response.statusCode as number, headers: response.headers, code: error.code }
}

describe('a WebSocket', () => {
  it('is tunnelled to the backend of its model and holds a lease until it is closed', async () => {
    const { at, requests } = await realtime({
      settings: { apiKeys: ['k'], backendApiKey: 'inner' },
    })
    const socket = client(at, '/v1/realtime?model=alias', {
      authorization: 'Bearer k',
      'x-request-id': 'mine',
    })
    socket.on('open', () => socket.send('ab'))
    const message = once(socket, 'message')
    const [upgrade] = (await once(socket, 'upgrade')) as [IncomingMessage]
    expect(upgrade.headers['x-request-id']).toBe('mine')
    expect(String((await message)[0])).toBe('abab')
    expect(at.admission.leases.size).toBe(1)
    expect(at.admission.seen[0]).toMatchObject({ model: 'org/model', path: '/v1/realtime' })
    expect(requests[0]?.headers.authorization).toBe('Bearer inner')
    const released = once(at.admission, 'released')
    socket.close(1000)
    expect((await once(socket, 'close'))[0]).toBe(1000)
    await released
    expect(await at.record()).toMatchObject({
      route: '/v1/realtime',
      status: 101,
      model: 'org/model',
      backend: 'gpu0',
    })
  })

  it('carries large messages both ways', async () => {
    const { at } = await realtime()
    const socket = client(at)
    await once(socket, 'open')
    const text = 'x'.repeat(3_000_000)
    socket.send(text)
    expect(String((await once(socket, 'message'))[0])).toBe(text + text)
  })

  it('waits in the gate like any other request', async () => {
    const { at } = await realtime()
    at.admission.warm = false
    const socket = client(at)
    await once(at.admission, 'waiting')
    at.admission.waitedMs = 5
    const upgraded = once(socket, 'upgrade') as Promise<[IncomingMessage]>
    at.admission.admit()
    expect((await upgraded)[0].headers['x-vllm-chill-waited-ms']).toBe('5')
  })

  it('leaves the gate when its client leaves', async () => {
    const { at } = await realtime()
    at.admission.warm = false
    const socket = client(at)
    await once(at.admission, 'waiting')
    const left = once(at.admission, 'left')
    socket.terminate()
    await left
    expect(await at.record()).toMatchObject({ status: 499, code: 'client_left' })
  })

  it('is refused with a plain answer', async () => {
    const { at } = await realtime({ settings: { apiKeys: ['k'] } })
    const key = { authorization: 'Bearer k' }
    expect(await refusal(client(at, '/other', key))).toMatchObject({
      status: 404,
      code: 'not_found',
    })
    expect(await refusal(client(at))).toMatchObject({ status: 401, code: 'invalid_api_key' })
    expect(await refusal(client(at, '/v1/realtime', key))).toMatchObject({
      status: 400,
      code: 'model_required',
    })
    expect(await refusal(client(at, '/v1/realtime?model=none', key))).toMatchObject({
      status: 404,
      code: 'model_not_found',
    })
    at.admission.refusal = new ChillError('model_failed', 'it exited', { retryAfterS: 3 })
    const failed = await refusal(client(at, undefined, key))
    expect(failed).toMatchObject({ status: 503, code: 'model_failed' })
    expect(failed.headers['retry-after']).toBe('3')
    expect(failed.headers['x-request-id']).toMatch(/./)
    at.admission.refusal = undefined
    at.admission.url = 'http://127.0.0.1:1'
    expect(await refusal(client(at, undefined, key))).toMatchObject({
      status: 502,
      code: 'backend_unreachable',
    })
    expect(at.admission.leases.size).toBe(0)
    expect(at.admission.suspected).toBe(1)
  })

  it('is told how long it waited also when it is refused in the end', async () => {
    const { at } = await realtime()
    at.admission.warm = false
    const refused = refusal(client(at))
    await once(at.admission, 'waiting')
    at.admission.refuse(new ChillError('model_failed', 'it exited'))
    expect(Number((await refused).headers['x-vllm-chill-waited-ms'])).toBeGreaterThan(0)
    expect((await at.record()).waitedMs).toBeGreaterThan(0)
  })

  it('is refused when its address cannot be understood', async () => {
    const { at } = await realtime()
    const socket = rawConnection(at.port)
    socket.write('GET // HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n')
    await once(socket, 'close')
    expect(socket.text()).toContain('HTTP/1.1 400 ')
    expect(at.logged).toEqual([])
  })

  it('that goes before the backend has answered makes nobody suspicious', async () => {
    const { at } = await realtime()
    at.backend.removeAllListeners('upgrade')
    const asked = once(at.backend, 'upgrade')
    const socket = client(at)
    await asked
    socket.terminate()
    await at.record()
    expect(at.admission).toMatchObject({ suspected: 0, released: 1 })
  })

  it('is refused when the backend does not answer in time', async () => {
    const { at } = await realtime({ settings: { backendTimeoutMs: 30 } })
    at.backend.removeAllListeners('upgrade')
    at.backend.on('upgrade', () => {})
    expect(await refusal(client(at))).toMatchObject({ status: 504, code: 'backend_timeout' })
    expect(at.admission.leases.size).toBe(0)
  })

  it("passes the backend's own refusal on with the request id, also when it comes in chunks", async () => {
    const at = await world((_, res) => res.end())
    open = at
    at.backend.on('upgrade', (_req, socket) => {
      socket.end(
        'HTTP/1.1 403 Forbidden\r\ntransfer-encoding: chunked\r\n\r\n17\r\n{"error":{"code":"no"}}\r\n0\r\n\r\n',
      )
    })
    const refused = await refusal(client(at, undefined, { 'x-request-id': 'mine' }))
    expect(refused).toMatchObject({ status: 403, code: 'no' })
    expect(refused.headers['x-request-id']).toBe('mine')
  })

  it("gets the backend's own refusal", async () => {
    const at = await world((_, res) => res.end())
    open = at
    at.backend.on('upgrade', (_req, socket) => {
      socket.end(
        'HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\ncontent-length: 23\r\n\r\n{"error":{"code":"no"}}',
      )
    })
    expect(await refusal(client(at))).toMatchObject({ status: 403, code: 'no' })
    expect((await at.record()).status).toBe(403)
    expect(at.admission.leases.size).toBe(0)
  })

  it('ends when the backend goes', async () => {
    const { at, server } = await realtime()
    const socket = client(at)
    await once(socket, 'open')
    const closed = once(socket, 'close')
    for (const one of server.clients) one.terminate()
    expect((await closed)[0]).toBe(1006)
    expect((await at.record()).status).toBe(101)
    expect(at.admission.released).toBe(1)
  })

  it('tells the backend when the client goes', async () => {
    const { at, server } = await realtime()
    const socket = client(at)
    await once(socket, 'open')
    const [inner] = server.clients
    const closed = once(inner!, 'close')
    socket.terminate()
    await closed
    await at.record()
    expect(at.admission.released).toBe(1)
  })

  it('is cut with its lease, and by silence', async () => {
    const { at } = await realtime({ settings: { websocketIdleTimeoutMs: 50 } })
    const first = client(at)
    await once(first, 'open')
    const closed = once(first, 'close')
    for (const lease of at.admission.leases) lease.onCut?.('over')
    await closed
    const second = client(at)
    await once(second, 'open')
    await once(second, 'close')
    await at.record()
    await at.record()
    expect(at.admission.released).toBe(2)
  })

  it('does not lose what a client sends before it has been answered', async () => {
    const { at, server } = await realtime()
    at.admission.warm = false
    const socket = rawConnection(at.port)
    socket.write(
      'GET /v1/realtime?model=other HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
    await once(at.admission, 'waiting')
    const received = Promise.withResolvers<string>()
    server.on('connection', (inner) =>
      inner.on('message', (data: Buffer) => received.resolve(data.toString())),
    )
    // A masked text frame "ab", with a mask of zeros.
    socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x61, 0x62]), () =>
      setImmediate(() => at.admission.admit()),
    )
    expect(await received.promise).toBe('ab')
    socket.destroy()
  })
})
