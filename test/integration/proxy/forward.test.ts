import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import {
  answering,
  bodyOf,
  chat,
  errorOf,
  hello,
  httpRequest,
  once,
  post,
  rawConnection,
  world,
  type Got,
  type World,
} from './harness.ts'

let open: World | undefined
afterEach(async () => {
  await open?.close()
  open = undefined
})

async function start(...parameters: Parameters<typeof world>): Promise<World> {
  open = await world(...parameters)
  return open
}

function released(at: World): Promise<unknown> {
  return at.admission.leases.size === 0 && at.admission.released > 0
    ? Promise.resolve()
    : once(at.admission, 'released')
}

describe('forwarding', () => {
  it('passes bodies, status and headers on as they are', async () => {
    let got: Got | undefined
    const sent = randomBytes(300_000)
    const at = await start(
      answering((request) => {
        got = request
        request.res.writeHead(207, 'Some Words', [
          'X-Answer',
          'a',
          'X-Answer',
          'b',
          'Content-Type',
          'application/octet-stream',
        ])
        request.res.end(sent)
      }),
    )
    const body = `{ "model" : "org/model", "text": "é\u{1f600}" }`
    const response = await post(`${at.url}${chat}?a=%20b`, body, { 'x-custom': 'Kept' })
    expect(response.status).toBe(207)
    expect(response.statusText).toBe('Some Words')
    expect(response.headers.get('x-answer')).toBe('a, b')
    expect(Buffer.from(await response.arrayBuffer()).equals(sent)).toBe(true)
    expect(got?.body.toString()).toBe(body)
    expect(got?.req.url).toBe(`${chat}?a=%20b`)
    expect(got?.req.headers['x-custom']).toBe('Kept')
    expect(got?.req.headers.host).toBe(at.admission.url.slice('http://'.length))
    expect(got?.req.headers['content-length']).toBe(String(Buffer.byteLength(body)))
    expect(at.admission.seen[0]).toMatchObject({
      model: 'org/model',
      path: chat,
      bytes: Buffer.byteLength(body),
    })
    expect(await at.record()).toMatchObject({
      route: chat,
      model: 'org/model',
      backend: 'gpu0',
      status: 207,
      code: undefined,
      bytesOut: 300_000,
    })
    expect(at.admission.released).toBe(1)
  })

  it('uses one connection again for the next request', async () => {
    const ports = new Set<number>()
    const at = await start(
      answering(({ req, res }) => {
        ports.add(req.socket.remotePort as number)
        res.end('{}')
      }),
    )
    for (let i = 0; i < 5; i++) await (await post(at.url + chat, hello)).text()
    expect(ports.size).toBe(1)
  })

  it('hands each event of a stream on before the next one is written', async () => {
    let res: ServerResponse | undefined
    const at = await start(
      answering((got) => {
        res = got.res
        res.writeHead(200, { 'content-type': 'text/event-stream' })
        res.flushHeaders()
      }),
    )
    // The head alone arrives, without any data.
    const response = await post(at.url + chat, { ...hello, stream: true })
    const reader = response.body!.getReader()
    for (let i = 0; i < 20; i++) {
      res?.write(`data: ${i}\n\n`)
      expect(Buffer.from((await reader.read()).value).toString()).toBe(`data: ${i}\n\n`)
    }
    res?.end()
    expect((await reader.read()).done).toBe(true)
    expect(await at.record()).toMatchObject({ stream: true, status: 200 })
  })

  it('drops hop-by-hop headers both ways, also those that Connection names', async () => {
    let seen: string[] = []
    const at = await start(
      answering(({ req, res }) => {
        seen = req.rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase())
        res.writeHead(200, {
          connection: 'close, X-Private',
          'x-private': '1',
          'keep-alive': 'timeout=9',
          'x-public': '2',
          'proxy-authenticate': 'Basic',
        })
        res.end('{}')
      }),
    )
    const request = httpRequest(at.url + chat, {
      method: 'POST',
      headers: {
        connection: 'keep-alive, X-Hop',
        'x-hop': '1',
        te: 'trailers',
        'proxy-authorization': 'x',
        'x-kept': '2',
      },
    })
    request.end(JSON.stringify(hello))
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    await bodyOf(response)
    expect(seen).toContain('x-kept')
    for (const name of ['x-hop', 'te', 'proxy-authorization', 'expect'])
      expect(seen).not.toContain(name)
    expect(response.headers['x-public']).toBe('2')
    for (const name of ['x-private', 'proxy-authenticate'])
      expect(response.headers).not.toHaveProperty(name)
    expect(response.headers['keep-alive']).not.toBe('timeout=9')
  })

  it('answers with the request id it was given, or a new one, and forwards it', async () => {
    const ids: unknown[] = []
    const at = await start(
      answering(({ req, res }) => {
        ids.push(req.headers['x-request-id'])
        res.setHeader('x-request-id', 'of the backend')
        res.end('{}')
      }),
    )
    const given = await post(at.url + chat, hello, { 'x-request-id': 'mine-1' })
    const made = await post(at.url + chat, hello, { 'x-request-id': 'x'.repeat(201) })
    expect(given.headers.get('x-request-id')).toBe('mine-1')
    expect(made.headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/)
    expect(ids).toEqual(['mine-1', made.headers.get('x-request-id')])
  })

  it('passes answers without a body: 204, 304', async () => {
    for (const status of [204, 304]) {
      const at = await start(
        answering(({ res }) => {
          res.writeHead(status, { etag: '"x"' })
          res.end()
        }),
      )
      const response = await post(at.url + chat, hello)
      expect(response.status).toBe(status)
      expect(response.headers.get('etag')).toBe('"x"')
      expect(await response.text()).toBe('')
      await at.close()
    }
  })

  it('passes trailers on and leaves out early hints', async () => {
    const at = await start(
      answering(({ res }) => {
        res.writeEarlyHints({ link: '</x>; rel=preload' })
        res.writeHead(200, { trailer: 'X-Sum' })
        res.write('a')
        res.addTrailers({ 'X-Sum': '7' })
        res.end()
      }),
    )
    const request = httpRequest(at.url + chat, { method: 'POST' })
    request.end(JSON.stringify(hello))
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    expect((await bodyOf(response)).toString()).toBe('a')
    expect(response.trailers).toEqual({ 'x-sum': '7' })
  })

  it('answers expect: 100-continue itself', async () => {
    const at = await start(answering(({ req, res }) => res.end(String(req.headers.expect))))
    const body = JSON.stringify(hello)
    const request = httpRequest(at.url + chat, {
      method: 'POST',
      headers: { expect: '100-continue', 'content-length': body.length },
    })
    request.flushHeaders()
    await once(request, 'continue')
    request.end(body)
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    expect((await bodyOf(response)).toString()).toBe('undefined')
  })

  it('declares JSON for a client that, like curl, sends it as a form', async () => {
    const at = await start(answering(({ req, res }) => res.end(req.headers['content-type'])))
    const response = await post(at.url + chat, hello, {
      'content-type': 'application/x-www-form-urlencoded',
    })
    expect(await response.text()).toBe('application/json')
  })

  it('replaces an alias by the served name and keeps the rest', async () => {
    const at = await start(answering(({ res, body }) => res.end(body)))
    const response = await post(at.url + chat, '{"a":1, "model": "alias" ,"b":"alias"}')
    expect(await response.text()).toBe('{"a":1, "model": "org/model" ,"b":"alias"}')
    expect((await at.record()).model).toBe('org/model')
  })

  it('forwards a multipart form byte for byte, its file first and the model last', async () => {
    const at = await start(answering(({ res, body }) => res.end(body)))
    const form = new FormData()
    form.append('file', new Blob([randomBytes(200_000)]), 'a.wav')
    form.append('model', 'org/model')
    const encoded = new Response(form)
    const type = encoded.headers.get('content-type') as string
    const bytes = Buffer.from(await encoded.arrayBuffer())
    const response = await fetch(`${at.url}/v1/audio/transcriptions`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: bytes,
    })
    expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true)
    expect(at.admission.seen[0]?.model).toBe('org/model')
  })

  it('pauses the backend when the client reads slowly, and goes on when it reads again', async () => {
    const total = 64 * 1024 * 1024
    let written = 0
    let drained: Promise<unknown> = Promise.resolve()
    const stalled = Promise.withResolvers<void>()
    const at = await start(
      answering(({ res }) => {
        res.writeHead(200, { 'content-type': 'application/octet-stream' })
        const chunk = Buffer.alloc(256 * 1024)
        const more = () => {
          while (written < total) {
            written += chunk.length
            if (!res.write(chunk)) {
              drained = once(res, 'drain').then(more)
              // Nothing was taken for a while of event loop turns: the pause has reached the backend.
              const seen = written
              let turns = 0
              const look = () =>
                written !== seen
                  ? undefined
                  : ++turns === 2000
                    ? stalled.resolve()
                    : setImmediate(look)
              setImmediate(look)
              return
            }
          }
          res.end()
        }
        more()
      }),
    )
    const request = httpRequest(at.url + chat, { method: 'POST' })
    request.end(JSON.stringify(hello))
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    await stalled.promise
    // Sockets of loopback hold a few MB by themselves; the proxy itself adds next to nothing.
    expect(written).toBeLessThan(24 * 1024 * 1024)
    let read = 0
    for await (const part of response) read += (part as Buffer).length
    await drained
    expect(read).toBe(total)
  })

  it('cuts off a client that takes nothing more, and gives back its lease', async () => {
    const at = await start(
      answering(({ res }) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' })
        res.write(Buffer.alloc(32 * 1024 * 1024, 'data: x\n\n'))
      }),
      { settings: { stalledClientTimeoutMs: 200 } },
    )
    const request = httpRequest(at.url + chat, { method: 'POST' })
    request.on('error', () => {})
    request.end(JSON.stringify(hello))
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    response.on('error', () => {})
    expect(await at.record()).toMatchObject({ status: 499, code: 'client_stalled' })
    expect(at.admission.counts().leases).toBe(0)
  })

  it('cuts off nobody who reads slowly, nor who waits for a slow backend', async () => {
    const size = 4 * 1024 * 1024
    const at = await start(
      answering(({ res }) => {
        res.writeHead(200, { 'content-type': 'application/octet-stream' })
        res.write(Buffer.alloc(size))
        setTimeout(() => res.end('end'), 600)
      }),
      { settings: { stalledClientTimeoutMs: 200 } },
    )
    const answer = await post(at.url + chat, hello)
    let read = 0
    for await (const part of answer.body!) read += part.length
    expect(read).toBe(size + 3)
    expect(await at.record()).toMatchObject({ status: 200, code: undefined })
  })

  it('ends the work of the backend when the client leaves', async () => {
    const closed = Promise.withResolvers<void>()
    const at = await start(
      answering(({ res }) => {
        res.on('close', () => closed.resolve())
        res.writeHead(200, { 'content-type': 'text/event-stream' })
        res.write('data: 1\n\n')
      }),
    )
    const abort = new AbortController()
    const response = await post(at.url + chat, { ...hello, stream: true }, {}, abort.signal)
    const reader = response.body!.getReader()
    await reader.read()
    abort.abort()
    await closed.promise
    await released(at)
    expect(await at.record()).toMatchObject({ status: 499, code: 'client_left' })
    expect(at.admission.leases.size).toBe(0)
  })

  it('ends the work of the backend when the client leaves before an answer', async () => {
    const arrived = Promise.withResolvers<ServerResponse>()
    const at = await start(answering(({ res }) => arrived.resolve(res)))
    const abort = new AbortController()
    const response = post(at.url + chat, hello, {}, abort.signal)
    const res = await arrived.promise
    abort.abort()
    await expect(response).rejects.toThrow()
    if (!res.closed) await once(res, 'close')
    expect((await at.record()).code).toBe('client_left')
    expect(at.admission.released).toBe(1)
  })

  it('tells a stream with an error event when the backend dies between two events, and cuts the connection', async () => {
    const at = await start(
      answering(({ res }) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' })
        res.write('data: 1\n\n', () => res.destroy())
      }),
    )
    const response = await post(at.url + chat, { ...hello, stream: true })
    const reader = response.body!.getReader()
    let text = ''
    await expect(async () => {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return
        text += Buffer.from(value).toString()
      }
    }).rejects.toThrow()
    expect(text).toMatch(/^data: 1\n\ndata: \{"error":.*"code":"backend_died"\}\}\n\n$/)
    expect(await at.record()).toMatchObject({ status: 502, code: 'backend_died' })
    expect(at.admission.released).toBe(1)
  })

  it('writes no error event into the middle of another event', async () => {
    const at = await start(
      answering(({ res }) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' })
        res.write('data: {"half', () => res.destroy())
      }),
    )
    const socket = rawConnection(at.port)
    const body = JSON.stringify({ ...hello, stream: true })
    socket.write(
      `POST ${chat} HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    )
    await once(socket, 'close')
    expect(socket.text()).toContain('data: {"half')
    expect(socket.text()).not.toContain('backend_died')
    expect(socket.text()).not.toMatch(/\r\n0\r\n\r\n$/)
  })

  it('refuses an answer whose reason may not be written', async () => {
    const at = await start(
      (req) => void req.socket.end('HTTP/1.1 200 O\0K\r\ncontent-length: 0\r\n\r\n'),
    )
    const response = await post(`${at.url}${chat}`, hello)
    expect(response.status).toBe(502)
    await response.arrayBuffer()
    expect(at.admission.leases.size).toBe(0)
  })

  it('keeps the bytes of a header when its body is late', async () => {
    const at = await start(({ socket }) => {
      // Not through Node's own answer, whose `flushHeaders` writes latin1 as UTF-8.
      const head = 'HTTP/1.1 200 OK\r\nx-name: caf\u00e9\r\ncontent-length: 4\r\n\r\n'
      socket.write(head, 'latin1')
      at.once('head seen', () => socket.write('late'))
    })
    const socket = rawConnection(at.port)
    const body = JSON.stringify(hello)
    socket.on('data', () => at.emit('head seen'))
    socket.write(
      `POST ${chat} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    )
    await once(socket, 'close')
    expect(socket.text()).toContain('x-name: caf\u00e9\r\n')
  })

  it.each(['HTTP/1.1', 'HTTP/1.0'])(
    'never lets a cut answer look whole to an %s client',
    async (version) => {
      const at = await start(
        answering(({ res }) => {
          res.writeHead(200, { 'content-type': 'application/json' })
          res.write('{"half":', () => res.destroy())
        }),
      )
      const socket = rawConnection(at.port)
      let error: Error | undefined
      socket.on('error', (caught) => {
        error = caught
      })
      const body = JSON.stringify(hello)
      socket.write(
        `POST ${chat} ${version}\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      )
      await new Promise((resolve) => socket.on('close', resolve))
      // A chunked answer lacks its last chunk; one that ends with the connection must end in a reset.
      if (version === 'HTTP/1.1') expect(socket.text()).not.toMatch(/\r\n0\r\n\r\n$/)
      else expect(error).toMatchObject({ code: 'ECONNRESET' })
      expect((await at.record()).code).toBe('backend_died')
    },
  )

  it('cuts both sides and gives back the lease when the lease is cut', async () => {
    const closed = Promise.withResolvers<void>()
    const at = await start(
      answering(({ res }) => {
        res.on('close', () => closed.resolve())
        res.writeHead(200, { 'content-type': 'text/event-stream' })
        res.write('data: 1\n\n')
      }),
    )
    const response = await post(at.url + chat, { ...hello, stream: true })
    const reader = response.body!.getReader()
    await reader.read()
    for (const lease of at.admission.leases) lease.onCut?.('the drain deadline passed')
    await closed.promise
    expect(Buffer.from((await reader.read()).value).toString()).toContain(
      'the drain deadline passed',
    )
    await expect(reader.read()).rejects.toThrow()
    expect(at.admission.released).toBe(1)
  })

  it('answers 504 when the backend sends no header in time', async () => {
    const at = await start(
      answering(() => {}),
      { settings: { backendTimeoutMs: 30 } },
    )
    const response = await post(at.url + chat, hello)
    expect(response.status).toBe(504)
    expect((await errorOf(response)).code).toBe('backend_timeout')
    expect(at.admission.acquired).toBe(0)
  })
})

describe('sending again', () => {
  it('happens once when no connection can be made, then it is a 502', async () => {
    const at = await start(answering(({ res }) => res.end('{}')))
    at.admission.url = 'http://127.0.0.1:1'
    const response = await post(at.url + chat, hello)
    expect(response.status).toBe(502)
    expect(await errorOf(response)).toMatchObject({ code: 'backend_unreachable' })
    expect(at.admission.acquired).toBe(1)
    expect(at.admission.suspected).toBe(2)
    expect(at.admission.released).toBe(2)
    expect(new Set(at.admission.seen.map(({ arrivedAt }) => arrivedAt)).size).toBe(1)
  })

  it('finds the backend that is there the second time', async () => {
    const at = await start(answering(({ res, body }) => res.end(body)))
    const { url } = at.admission
    at.admission.url = 'http://127.0.0.1:1'
    at.admission.once('released', () => {
      at.admission.url = url
    })
    const response = await post(at.url + chat, hello)
    expect(await response.json()).toEqual(hello)
  })

  it('happens when a connection that had served closes before a byte of an answer', async () => {
    let requests = 0
    const at = await start(
      answering(({ req, res, body }) => {
        if (++requests === 2) req.socket.destroy()
        else res.end(body)
      }),
    )
    await (await post(at.url + chat, hello)).text()
    const response = await post(at.url + chat, hello)
    expect(await response.json()).toEqual(hello)
    expect(requests).toBe(3)
    expect(at.admission.suspected).toBe(0)
  })

  it('does not happen when a fresh connection closes: the request may be what killed the backend', async () => {
    let requests = 0
    const at = await start(
      answering(({ req }) => {
        requests++
        req.socket.destroy()
      }),
    )
    const response = await post(at.url + chat, hello)
    expect(response.status).toBe(502)
    expect((await errorOf(response)).code).toBe('backend_unreachable')
    expect(requests).toBe(1)
    expect(at.admission.suspected).toBe(1)
  })

  it('does not happen once a byte of an answer was there', async () => {
    let requests = 0
    const at = await start((req) => {
      requests++
      if (requests === 1) {
        req.resume()
        req.on('end', () => req.socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}'))
      } else {
        req.socket.write('HTTP/1.1 2', () => req.socket.destroy())
      }
    })
    await (await post(at.url + chat, hello)).text()
    const response = await post(at.url + chat, hello)
    expect(response.status).toBe(502)
    expect((await errorOf(response)).code).toBe('backend_died')
    expect(requests).toBe(2)
  })
})

describe('bytes on the wire', () => {
  async function answerTo(at: World, version = '1.1'): Promise<string[]> {
    const socket = rawConnection(at.port)
    const packets: string[] = []
    socket.on('data', (packet) => packets.push(String(packet)))
    const body = JSON.stringify(hello)
    socket.write(
      `POST ${chat} HTTP/${version}\r\nhost: a\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    )
    await once(socket, 'close')
    return packets
  }

  it('carry head and body of a small answer in one piece', async () => {
    const at = await start(answering(({ res }) => res.end('{"small":true}')))
    const packets = await answerTo(at)
    expect(packets).toHaveLength(1)
    expect(packets[0]).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n\{"small":true\}$/)
  })

  it('are the same for text that is not ASCII, and for what is too big for one piece', async () => {
    const big = randomBytes(40_000)
    const parts = [Buffer.from('é\u{1f600}'), big, Buffer.from('end')]
    const at = await start(
      answering(({ res }) => {
        for (const part of parts) res.write(part)
        res.end()
      }),
    )
    const text = (await answerTo(at)).join('')
    const framed = text.slice(text.indexOf('\r\n\r\n') + 4)
    expect(framed.endsWith('\r\n0\r\n\r\n')).toBe(true)
    const whole = await post(at.url + chat, hello)
    expect(Buffer.from(await whole.arrayBuffer()).equals(Buffer.concat(parts))).toBe(true)
  })

  it('have no chunks for a client of HTTP/1.0, whose answer ends with the connection', async () => {
    const at = await start(
      answering(({ res }) => {
        res.write('one')
        res.end('two')
      }),
    )
    const text = (await answerTo(at, '1.0')).join('')
    expect(text).toMatch(/\r\n\r\nonetwo$/)
    expect(text).not.toMatch(/transfer-encoding/i)
  })
})
