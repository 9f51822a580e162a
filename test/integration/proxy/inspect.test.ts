import type { IncomingMessage } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import {
  answering,
  bodyOf,
  catalogueOf,
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

let got: Got[] = []
const echo = answering((request) => {
  got.push(request)
  request.res.end(request.body)
})

async function start(options: Parameters<typeof world>[1] = {}, listener = echo): Promise<World> {
  got = []
  open = await world(listener, options)
  return open
}

describe('the list of paths', () => {
  it.each([
    '/v1/chat/completions',
    '/v1/chat/completions/batch',
    '/v1/completions',
    '/v1/responses',
    '/v1/embeddings',
    '/v1/messages',
    '/v1/messages/count_tokens',
    '/v2/embed',
    '/rerank',
    '/v1/rerank',
    '/v2/rerank',
    '/score',
    '/v1/score',
    '/classify',
    '/pooling',
    '/generative_scoring',
    '/tokenize',
    '/detokenize',
    '/inference/v1/generate',
    '/invocations',
  ])('forwards %s', async (path) => {
    const at = await start()
    const response = await post(at.url + path, hello)
    expect(await response.json()).toEqual(hello)
    expect(got[0]?.req.url).toBe(path)
  })

  it.each([
    '/',
    '/v1',
    '/sleep',
    '/wake_up',
    '/collective_rpc',
    '/v1/load_lora_adapter',
    '/metrics',
    '/favicon.ico',
    '/v1/chat/completions/',
    '/proxy/unknown',
    '/V1/chat/completions',
  ])('answers %s with 404 and asks no backend', async (path) => {
    const at = await start()
    const response = await post(at.url + path, hello)
    expect(response.status).toBe(404)
    expect((await errorOf(response)).code).toBe('not_found')
    expect(response.headers.get('x-request-id')).toMatch(/./)
    expect(at.admission.seen).toEqual([])
    expect(await at.record()).toMatchObject({ route: 'other', status: 404 })
  })

  it('forwards the path it has matched, not another spelling of it', async () => {
    const at = await start()
    await (await post(`${at.url}/v1/%63hat/completions`, hello)).text()
    expect(got[0]?.req.url).toBe(chat)
  })

  it('answers a wrong method with 405 and says which is right', async () => {
    const at = await start()
    const response = await fetch(at.url + chat)
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('POST')
    expect((await errorOf(response)).code).toBe('method_not_allowed')
    expect((await fetch(`${at.url}/v1/models`, { method: 'DELETE' })).headers.get('allow')).toBe(
      'GET, HEAD',
    )
  })

  it('answers an address that is no valid percent-encoding with 400', async () => {
    const at = await start()
    const response = await fetch(`${at.url}/v1/models/%ff`)
    expect(response.status).toBe(400)
    expect((await errorOf(response)).code).toBe('bad_request')
  })

  it('is alive on /health, and ready on /readyz only while it is', async () => {
    const at = await start({ settings: { apiKeys: ['k'] } })
    expect((await fetch(`${at.url}/health`)).status).toBe(200)
    expect((await fetch(`${at.url}/readyz`)).status).toBe(200)
    at.ready = false
    expect((await fetch(`${at.url}/health`, { method: 'HEAD' })).status).toBe(200)
    expect((await fetch(`${at.url}/readyz`)).status).toBe(503)
    expect(at.admission.seen).toEqual([])
    expect(at.records).toEqual([])
  })
})

const common = {
  object: 'model',
  created: 1_700_000_000,
  owned_by: 'vllm-chill',
  parent: null,
  max_model_len: 4096,
}

describe('listing models', () => {
  it('shows the catalogue with aliases as entries of their own, and wakes nothing', async () => {
    const at = await start()
    const list = (await (await fetch(`${at.url}/v1/models`)).json()) as { data: object[] }
    expect(list).toEqual({
      object: 'list',
      data: [
        { id: 'org/model', root: 'org/model', ...common },
        { id: 'alias', root: 'org/model', ...common },
        { id: 'other', root: 'other', ...common },
      ],
    })
    expect(at.admission.seen).toEqual([])
    expect(await at.record()).toMatchObject({ route: '/v1/models', status: 200 })
  })

  it('finds one model by its name with slashes, escaped or not, and by an alias', async () => {
    const at = await start()
    for (const id of ['org/model', 'org%2Fmodel', 'alias']) {
      const model = (await (await fetch(`${at.url}/v1/models/${id}`)).json()) as object
      expect(model).toMatchObject({
        id: decodeURIComponent(id),
        root: 'org/model',
        object: 'model',
      })
    }
    const response = await fetch(`${at.url}/v1/models/none`)
    expect(response.status).toBe(404)
    expect(await errorOf(response)).toMatchObject({
      code: 'model_not_found',
      type: 'not_found_error',
    })
    expect(at.admission.seen).toEqual([])
  })
})

describe('finding the model', () => {
  it('lists the known models when the one asked for is none of them', async () => {
    const at = await start()
    const response = await post(at.url + chat, { model: 'gpt-4' })
    expect(response.status).toBe(404)
    const { message, code } = await errorOf(response)
    expect(code).toBe('model_not_found')
    expect(message).toBe('no model "gpt-4"; known: org/model, other')
    expect(at.admission.seen).toEqual([])
  })

  it('takes the default model, or the only one, when none is named; else asks for it', async () => {
    const withDefault = await start({ settings: { defaultModel: 'alias' } })
    await (await post(withDefault.url + chat, {})).text()
    expect(withDefault.admission.seen[0]?.model).toBe('org/model')
    await withDefault.close()
    const withOne = await start({ catalogue: catalogueOf({ name: 'one' }) })
    expect(await (await post(withOne.url + chat, '{"model":null}')).text()).toBe('{"model":null}')
    expect(withOne.admission.seen[0]?.model).toBe('one')
    await withOne.close()
    const without = await start()
    const response = await post(without.url + chat, {})
    expect(response.status).toBe(400)
    expect((await errorOf(response)).code).toBe('model_required')
  })

  it('takes the query where the body names none, and refuses another one than the body names', async () => {
    const at = await start()
    await (await post(`${at.url}${chat}?model=other`, {})).text()
    await (await post(`${at.url}${chat}?model=alias`, hello)).text()
    expect(at.admission.seen.map(({ model }) => model)).toEqual(['other', 'org/model'])
    const refused = await post(`${at.url}${chat}?model=other`, hello)
    expect(refused.status).toBe(400)
    expect((await errorOf(refused)).code).toBe('bad_request')
    expect(at.admission.seen).toHaveLength(2)
  })

  it.each([
    ['{"model":"org/model","model":"other"}', 'bad_request'],
    ['{"model":1}', 'bad_request'],
    ['{"model":"org/model"', 'invalid_json'],
    ['', 'invalid_json'],
  ])('refuses %j with 400 %s', async (body, code) => {
    const at = await start()
    const response = await post(at.url + chat, body)
    expect(response.status).toBe(400)
    expect((await errorOf(response)).code).toBe(code)
    expect(at.admission.seen).toEqual([])
    expect(await at.record()).toMatchObject({ status: 400, code })
  })

  it('lets nothing wait, and so wake a backend, that is not JSON all through', async () => {
    const at = await start()
    at.admission.warm = false
    const response = await post(at.url + chat, '{"model":"org/model","temperature":warm}')
    expect((await errorOf(response)).code).toBe('invalid_json')
    expect(at.admission.acquired).toBe(0)
  })

  it('refuses an audio request that is no form', async () => {
    const at = await start()
    const response = await post(`${at.url}/v1/audio/transcriptions`, hello)
    expect((await errorOf(response)).code).toBe('invalid_json')
  })
})

describe('the body limit', () => {
  const settings = { bodyLimit: 100_000 }

  it('refuses by the declared length at once, and the connection stays usable', async () => {
    const at = await start({ settings })
    const socket = rawConnection(at.port)
    socket.write(`POST ${chat} HTTP/1.1\r\nhost: x\r\ncontent-length: 150000\r\n\r\n`)
    await once(socket, 'data')
    expect(socket.text()).toContain('HTTP/1.1 413 ')
    expect(socket.text()).toContain('"code":"request_too_large"')
    socket.write('x'.repeat(150_000))
    const body = JSON.stringify(hello)
    socket.write(
      `POST ${chat} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    )
    socket.resume()
    await once(socket, 'close')
    expect(socket.text()).toContain('HTTP/1.1 200 ')
    expect(socket.text().endsWith(body)).toBe(true)
    // Its head had said too much to read it: nothing of it counts.
    expect(await at.record()).toMatchObject({ status: 413, code: 'request_too_large' })
  })

  it('refuses while reading where no length was declared', async () => {
    const at = await start({ settings })
    const request = httpRequest(at.url + chat, {
      method: 'POST',
      headers: { 'transfer-encoding': 'chunked' },
    })
    const answered = once(request, 'response') as Promise<[IncomingMessage]>
    request.write('{"prompt":"')
    request.write('x'.repeat(110_000))
    const [response] = await answered
    expect(response.statusCode).toBe(413)
    request.end()
    await bodyOf(response)
    expect(at.admission.seen).toEqual([])
  })

  it('ends the connection of a client that goes on and on', async () => {
    const at = await start({ settings })
    const socket = rawConnection(at.port)
    socket.on('error', () => {})
    socket.write(`POST ${chat} HTTP/1.1\r\nhost: x\r\ncontent-length: 10000000\r\n\r\n`)
    const more = () => {
      while (!socket.destroyed && socket.write('x'.repeat(65_536)));
    }
    socket.on('drain', more)
    more()
    await new Promise((resolve) => socket.on('close', resolve))
    expect(socket.bytesWritten).toBeLessThan(10_000_000)
  })
})

describe('keys', () => {
  it('are asked for where configured, in either header, and never forwarded', async () => {
    const at = await start({ settings: { apiKeys: ['first', 'second'] } })
    for (const headers of [
      {},
      { authorization: 'Bearer wrong' },
      { authorization: 'Basic first' },
      { 'x-api-key': 'firs' },
    ]) {
      const response = await post(at.url + chat, hello, headers)
      expect(response.status).toBe(401)
      expect(response.headers.get('www-authenticate')).toBe('Bearer')
      expect((await errorOf(response)).code).toBe('invalid_api_key')
    }
    expect((await fetch(`${at.url}/v1/models`)).status).toBe(401)
    expect(at.admission.seen).toEqual([])
    for (const headers of [{ authorization: 'bearer second' }, { 'x-api-key': 'first' }]) {
      expect((await post(at.url + chat, hello, headers)).status).toBe(200)
      expect(got.at(-1)?.req.headers).not.toHaveProperty('authorization')
      expect(got.at(-1)?.req.headers).not.toHaveProperty('x-api-key')
    }
    expect(JSON.stringify(at.logged)).not.toMatch(/second|first|wrong/)
  })

  it('of the backend take the place of what the client sent', async () => {
    const at = await start({ settings: { backendApiKey: 'inner' } })
    await (await post(at.url + chat, hello, { authorization: 'Bearer mine' })).text()
    expect(got[0]?.req.headers.authorization).toBe('Bearer inner')
  })

  it("pass through when none are configured, so that vLLM's own key works", async () => {
    const at = await start()
    await (await post(at.url + chat, hello, { authorization: 'Bearer mine' })).text()
    expect(got[0]?.req.headers.authorization).toBe('Bearer mine')
  })
})

describe('CORS', () => {
  const origin = 'https://app.example'
  const preflight = {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'x-stainless-os',
    },
  }

  it('answers a preflight without key and without a backend', async () => {
    const at = await start({ settings: { corsOrigins: [origin], apiKeys: ['k'] } })
    const response = await fetch(at.url + chat, preflight)
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-origin')).toBe(origin)
    expect(response.headers.get('access-control-allow-headers')).toBe('x-stainless-os')
    expect(response.headers.get('access-control-allow-methods')).toContain('POST')
    expect(response.headers.get('vary')).toBe('origin')
    expect(at.admission.seen).toEqual([])
  })

  it("is decided here: the backend's own permission is not passed on", async () => {
    const permissive = answering(({ res }) => {
      res.setHeader('access-control-allow-origin', '*')
      res.end('{}')
    })
    const closed = await start({}, permissive)
    expect(
      (await post(closed.url + chat, hello, { origin })).headers.has('access-control-allow-origin'),
    ).toBe(false)
    expect(
      (await fetch(closed.url + chat, preflight)).headers.has('access-control-allow-origin'),
    ).toBe(false)
    await closed.close()
    const at = await start({ settings: { corsOrigins: [origin] } }, permissive)
    expect(
      (await post(at.url + chat, hello, { origin })).headers.get('access-control-allow-origin'),
    ).toBe(origin)
    expect(
      (await post(at.url + chat, hello, { origin: 'https://evil.example' })).headers.has(
        'access-control-allow-origin',
      ),
    ).toBe(false)
    expect(
      (await post(at.url + chat, {}, { origin })).headers.get('access-control-allow-origin'),
    ).toBe(origin)
    await at.close()
    const all = await start({ settings: { corsOrigins: ['*'] } })
    expect(
      (await post(all.url + chat, hello, { origin })).headers.get('access-control-allow-origin'),
    ).toBe('*')
    expect((await fetch(`${all.url}/proxy/models/switch`, preflight)).status).toBe(404)
  })
})

describe('an offer to upgrade', () => {
  it('to HTTP/2, as Java clients make it with every first request, is passed over', async () => {
    const at = await start()
    const socket = rawConnection(at.port)
    const body = JSON.stringify(hello)
    socket.write(
      `POST ${chat} HTTP/1.1\r\nhost: x\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    )
    await once(socket, 'data')
    expect(socket.text()).toContain('HTTP/1.1 200 OK')
    expect(got[0]?.req.headers).not.toHaveProperty('upgrade')
    expect(got[0]?.req.headers).not.toHaveProperty('http2-settings')
    socket.destroy()
  })
})

describe('an early start', () => {
  const filler = 'x'.repeat(100_000)

  it('sends the first bytes on before the rest of the body has arrived', async () => {
    const first = Promise.withResolvers<string>()
    const at = await start({}, (req, res) => {
      req.once('data', (chunk: Buffer) => first.resolve(chunk.toString('utf8', 0, 20)))
      void bodyOf(req).then((body) => res.end(body))
    })
    const text = JSON.stringify({ model: 'org/model', a: filler, b: filler })
    const request = httpRequest(at.url + chat, {
      method: 'POST',
      headers: { 'content-length': text.length },
    })
    request.write(text.slice(0, 90_000))
    expect(await first.promise).toBe(text.slice(0, 20))
    expect(at.admission.seen[0]?.bytes).toBe(text.length)
    request.end(text.slice(90_000))
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    expect((await bodyOf(response)).toString()).toBe(text)
    expect(at.admission.released).toBe(1)
  })

  it('replaces an alias and corrects the length', async () => {
    const at = await start()
    const text = JSON.stringify({ model: 'alias', a: filler })
    const request = httpRequest(at.url + chat, {
      method: 'POST',
      headers: { 'content-length': text.length },
    })
    const leased = once(at.admission, 'lease')
    request.write(text.slice(0, 80_000))
    await leased
    request.end(text.slice(80_000))
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    expect((await bodyOf(response)).toString()).toBe(text.replace('alias', 'org/model'))
  })

  it('is taken back when another model follows: the backend is cut off, the client told', async () => {
    const arrived = Promise.withResolvers<void>()
    const cut = Promise.withResolvers<void>()
    const at = await start({}, (req) => {
      arrived.resolve()
      req.resume()
      req.on('error', () => {})
      req.on('close', () => cut.resolve())
    })
    const request = httpRequest(at.url + chat, {
      method: 'POST',
      headers: { 'transfer-encoding': 'chunked' },
    })
    request.write(`{"model":"org/model","a":"${filler}",`)
    await arrived.promise
    request.end('"model":"other"}')
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    expect(response.statusCode).toBe(400)
    expect((await bodyOf(response)).toString()).toContain('two different models')
    await cut.promise
    expect(at.admission.released).toBe(1)
  })

  it('asks the client to pause when the backend takes the body slowly', async () => {
    const request = Promise.withResolvers<IncomingMessage>()
    const at = await start({}, (req) => {
      req.pause()
      request.resolve(req)
    })
    const total = 30 * 1024 * 1024
    const client = httpRequest(at.url + chat, {
      method: 'POST',
      headers: { 'content-length': total },
    })
    client.on('error', () => {})
    let sent = 0
    const stalled = Promise.withResolvers<void>()
    const chunk = Buffer.alloc(256 * 1024, 'x')
    const more = () => {
      while (sent < total - chunk.length) {
        sent += chunk.length
        if (client.write(chunk)) continue
        const seen = sent
        let turns = 0
        const look = () =>
          sent !== seen ? undefined : ++turns === 2000 ? stalled.resolve() : setImmediate(look)
        setImmediate(look)
        return
      }
    }
    client.on('drain', more)
    client.write('{"model":"org/model","a":"')
    more()
    const backend = await request.promise
    await stalled.promise
    expect(sent).toBeLessThan(20 * 1024 * 1024)
    // A socket that nobody reads does not tell that the other side has left; one that is read does.
    backend.on('error', () => {})
    backend.resume()
    client.destroy()
    expect(await at.record()).toMatchObject({ code: 'client_left' })
    expect(at.admission.leases.size).toBe(0)
  })

  it('reaches a backend again when no connection could be made at first', async () => {
    const at = await start()
    const { url } = at.admission
    at.admission.url = 'http://127.0.0.1:1'
    const text = JSON.stringify({ model: 'org/model', a: filler })
    const request = httpRequest(at.url + chat, {
      method: 'POST',
      headers: { 'content-length': text.length },
    })
    request.write(text.slice(0, 80_000))
    await once(at.admission, 'released')
    at.admission.url = url
    request.end(text.slice(80_000))
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    expect((await bodyOf(response)).toString()).toBe(text)
  })

  it('passes on an answer that comes before the body is whole', async () => {
    const at = await start({}, (req, res) => {
      req.once('data', () => {
        res.writeHead(422, { 'content-type': 'application/json' })
        res.end('{"error":{}}')
      })
    })
    const text = JSON.stringify({ model: 'org/model', a: filler, b: filler })
    const request = httpRequest(at.url + chat, {
      method: 'POST',
      headers: { 'content-length': text.length },
    })
    request.write(text.slice(0, 90_000))
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    expect(response.statusCode).toBe(422)
    expect((await bodyOf(response)).toString()).toBe('{"error":{}}')
    request.end(text.slice(90_000))
    expect(at.admission.released).toBe(1)
  })
})

describe('an unexpected error', () => {
  it('is logged with its request id and told without a stack', async () => {
    const at = await start()
    at.admission.tryAcquire = () => {
      throw new TypeError('secret inner state')
    }
    const response = await post(at.url + chat, hello, { 'x-request-id': 'find-me' })
    expect(response.status).toBe(500)
    const { code, message } = await errorOf(response)
    expect(code).toBe('internal_error')
    expect(message).toContain('find-me')
    expect(message).not.toContain('secret')
    expect(at.logged).toContainEqual(
      expect.objectContaining({ requestId: 'find-me', err: expect.any(TypeError) as unknown }),
    )
  })

  it('of whoever listens to requests is logged, and concerns no request', async () => {
    const at = await start()
    at.once('record', () => {
      throw new TypeError('a faulty listener')
    })
    await (await post(at.url + chat, hello, { 'x-request-id': 'find-me' })).text()
    expect((await post(at.url + chat, hello)).status).toBe(200)
    expect(at.logged).toContainEqual(
      expect.objectContaining({ requestId: 'find-me', err: expect.any(TypeError) as unknown }),
    )
  })

  it('tells nothing of the prompt to the log', async () => {
    const at = await start()
    const prompt = 'very private words'
    await (await post(at.url + chat, { ...hello, prompt })).text()
    at.admission.warm = false
    await (await post(at.url + chat, `{"model":"org/model","prompt":"${prompt}",}`)).text()
    expect(JSON.stringify([at.logged, at.records])).not.toContain('private')
  })
})
