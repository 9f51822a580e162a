import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { afterEach, describe, expect, it } from 'vitest'
import type { AdmissionRequest } from '../../../src/admission/index.ts'
import { ChillError } from '../../../src/errors/index.ts'
import {
  answering,
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

/** A world whose backend is cold, in which comments come as fast as timers go. */
async function cold(
  answer: (got: Got) => void = ({ res, body }) => res.end(body),
  progressAfterMs = 1,
): Promise<World> {
  open = await world(answering(answer), { settings: { progressAfterMs, progressEveryMs: 1 } })
  open.admission.warm = false
  return open
}

function sse(res: Got['res'], ...events: string[]): void {
  res.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const event of events) res.write(event)
  res.end()
}

const failed = new ChillError('model_failed', 'it exited with code 1', {
  retryAfterS: 7.2,
  shouldRetry: false,
})
const streamed = { ...hello, stream: true }

async function readUntil(
  response: Response,
  part: string,
): Promise<{ text: string; rest: () => Promise<string> }> {
  const reader = response.body!.getReader()
  let text = ''
  const more = async (): Promise<boolean> => {
    const { done, value } = await reader.read()
    if (value) text += Buffer.from(value).toString()
    return !done
  }
  while (!text.includes(part) && (await more()));
  return {
    text,
    rest: async () => {
      while (await more());
      return text
    },
  }
}

describe('the priority of a request', () => {
  const asking = (priority: string) => ({ 'x-vllm-chill-priority': priority })
  const seenWith = async (settings: { priorityHeader: boolean }, priority: string) => {
    open = await world(
      answering(({ res, body }) => res.end(body)),
      { settings },
    )
    const { status } = await post(open.url + chat, hello, asking(priority))
    return [status, open.admission.seen.at(-1)?.priority]
  }

  it('is what its header says where clients may say it, and none elsewhere', async () => {
    expect(await seenWith({ priorityHeader: true }, '-3')).toEqual([200, -3])
    expect(await seenWith({ priorityHeader: false }, '7')).toEqual([200, 0])
  })

  it.each(['11', '-11', '1.5', 'high', '1e1', ' '])(
    'is not %j, and the client is told',
    async (bad) => {
      open = await world(
        answering(({ res, body }) => res.end(body)),
        { settings: { priorityHeader: true } },
      )
      const response = await post(open.url + chat, hello, asking(bad))
      expect(response.status).toBe(400)
      expect((await errorOf(response)).message).toContain('from -10 to 10')
      expect(open.admission.seen).toEqual([])
    },
  )
})

describe('a request that waits', () => {
  it('is answered once a backend is ready, and told how long it waited', async () => {
    const at = await cold()
    at.admission.waitedMs = 1234.4
    const response = post(at.url + chat, hello)
    await once(at.admission, 'waiting')
    at.admission.admit()
    expect(await (await response).json()).toEqual(hello)
    expect((await response).headers.get('x-vllm-chill-waited-ms')).toBe('1234')
    expect(await at.record()).toMatchObject({ status: 200, waitedMs: 1234.4 })
    expect(at.admission.released).toBe(1)
  })

  it('counts with all its bytes, and from when they are here, where no length was declared', async () => {
    const at = await cold()
    const text = JSON.stringify({ ...hello, filler: 'x'.repeat(200_000) })
    const offered = Promise.withResolvers<void>()
    const tryAcquire = at.admission.tryAcquire.bind(at.admission)
    at.admission.tryAcquire = (request) => {
      offered.resolve()
      return tryAcquire(request)
    }
    const request = httpRequest(at.url + chat, { method: 'POST' })
    request.write(text.slice(0, 100_000))
    await offered.promise
    const sentAt = at.admission.now()
    const waiting = once(at.admission, 'waiting') as Promise<[{ request: AdmissionRequest }]>
    request.end(text.slice(100_000))
    const [waiter] = await waiting
    expect(waiter.request.bytes).toBe(text.length)
    expect(waiter.request.arrivedAt).toBeGreaterThan(sentAt)
    request.on('error', () => {}).destroy()
    await at.record()
  })

  it('is told how long it waited also when it is refused in the end', async () => {
    const at = await cold()
    const response = post(at.url + chat, hello)
    await once(at.admission, 'waiting')
    at.admission.now()
    at.admission.refuse(failed)
    expect(Number((await response).headers.get('x-vllm-chill-waited-ms'))).toBeGreaterThan(0)
    const { waitedMs } = await at.record()
    expect(waitedMs).toBeGreaterThan(0)
  })

  it('is told of no wait when it is refused at once', async () => {
    const at = await cold()
    at.admission.now = () => 5
    at.admission.refusal = failed
    const response = await post(at.url + chat, hello)
    expect(response.status).toBe(503)
    expect(response.headers.has('x-vllm-chill-waited-ms')).toBe(false)
  })

  it('has waited as long as it has, also when it comes back to the gate and is let in at once', async () => {
    const at = await cold()
    const { url } = at.admission
    at.admission.url = 'http://127.0.0.1:1'
    at.admission.waitedMs = 500
    at.admission.once('released', () => {
      at.admission.url = url
      at.admission.waitedMs = 0
    })
    const response = post(at.url + chat, hello)
    await once(at.admission, 'waiting')
    at.admission.admit()
    expect((await response).headers.get('x-vllm-chill-waited-ms')).toBe('500')
  })

  it('leaves the gate when its client leaves', async () => {
    const at = await cold()
    const abort = new AbortController()
    const response = post(at.url + chat, hello, {}, abort.signal)
    await once(at.admission, 'waiting')
    const left = once(at.admission, 'left')
    abort.abort()
    await expect(response).rejects.toThrow()
    await left
    const { waitedMs, ...record } = await at.record()
    expect(record).toMatchObject({ status: 499, code: 'client_left' })
    expect(waitedMs).toBeGreaterThan(0)
    expect(at.admission.leases.size).toBe(0)
  })

  it('gives a lease back at once that comes when the client has just left', async () => {
    const at = await cold()
    const socket = rawConnection(at.port)
    const body = JSON.stringify(hello)
    socket.write(
      `POST ${chat} HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    )
    await once(at.admission, 'waiting')
    at.admission.deaf = true
    const left = once(at.admission, 'left')
    socket.destroy()
    await left
    const released = once(at.admission, 'released')
    at.admission.admit()
    await released
    expect(at.admission.leases.size).toBe(0)
  })

  it('leaves the gate when its client leaves, also when it was sent behind another one on one connection', async () => {
    const at = await cold()
    const socket = rawConnection(at.port)
    const body = JSON.stringify(hello)
    const text = `POST ${chat} HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    socket.write(text + text)
    while (at.admission.waiting.size < 2) await once(at.admission, 'waiting')
    socket.destroy()
    while (at.admission.waiting.size > 0) await once(at.admission, 'left')
    expect(await at.record()).toMatchObject({ code: 'client_left' })
    expect(await at.record()).toMatchObject({ code: 'client_left' })
  })

  it('is refused with status, reason and the headers that SDKs read', async () => {
    const at = await cold()
    const response = post(at.url + chat, hello)
    await once(at.admission, 'waiting')
    at.admission.refuse(failed)
    const { status, headers } = await response
    expect(status).toBe(503)
    expect(headers.get('retry-after')).toBe('8')
    expect(headers.get('x-should-retry')).toBe('false')
    expect(await errorOf(await response)).toEqual({
      message: 'it exited with code 1',
      type: 'server_error',
      param: null,
      code: 'model_failed',
    })
  })

  it('is refused at once where the gate says so, also before its body is read', async () => {
    const at = await cold()
    at.admission.refusal = new ChillError('queue_full', 'too many wait', { retryAfterS: 1 })
    expect((await post(at.url + chat, hello)).status).toBe(429)
    expect(await errorOf(await post(`${at.url}/v1/messages`, hello))).toMatchObject({
      code: 'queue_full',
    })
  })

  it('has the type that Anthropic clients look for at the top, below /v1/messages', async () => {
    const at = await cold()
    at.admission.refusal = failed
    expect(await (await post(`${at.url}/v1/messages`, hello)).json()).toMatchObject({
      type: 'error',
      error: { code: 'model_failed' },
    })
    expect(await (await post(at.url + chat, hello)).json()).not.toHaveProperty('type')
  })

  it('waits silently when it asked for no stream', async () => {
    const at = await cold()
    const response = post(at.url + chat, hello)
    await once(at.admission, 'waiting')
    // Many times the interval of comments: timers of 1 ms fire in order.
    for (let i = 0; i < 10; i++) await new Promise((resolve) => setTimeout(resolve, 1))
    at.admission.admit()
    expect(await (await response).text()).toBe(JSON.stringify(hello))
  })
})

describe('a stream that waits', () => {
  it('is kept alive with comments, then carries the content', async () => {
    const at = await cold(({ res }) => sse(res, 'data: 1\n\n', 'data: [DONE]\n\n'))
    const response = await post(at.url + chat, streamed, { 'x-request-id': 'mine', origin: 'x' })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    expect(response.headers.get('x-request-id')).toBe('mine')
    const { rest } = await readUntil(response, '\n\n: ')
    at.admission.admit()
    const text = await rest()
    expect(text).toMatch(/^(: scalingUp 34 s of ~48 s\n\n)+data: 1\n\ndata: \[DONE\]\n\n$/)
    expect(await at.record()).toMatchObject({ status: 200, code: undefined })
    expect(at.admission.released).toBe(1)
  })

  it('ends with the refusal as an event, and the record tells what really happened', async () => {
    const at = await cold()
    const { rest } = await readUntil(await post(at.url + chat, streamed), ': ')
    at.admission.refuse(failed)
    expect(await rest()).toMatch(/\n\ndata: \{"error":\{.*"code":"model_failed"\}\}\n\n$/)
    expect(await at.record()).toMatchObject({ status: 503, code: 'model_failed' })
  })

  it("ends with the backend's own error as an event", async () => {
    const at = await cold(({ res }) => {
      res.writeHead(400, { 'content-type': 'application/json' })
      res.end('{"error":{"message":"too long",\n"type":"BadRequestError","param":null,"code":400}}')
    })
    const { rest } = await readUntil(await post(at.url + chat, streamed), ': ')
    at.admission.admit()
    expect(await rest()).toMatch(
      /\n\ndata: \{"error":\{"message":"too long","type":"BadRequestError","param":null,"code":400\}\}\n\n$/,
    )
    expect(await at.record()).toMatchObject({ status: 400 })
  })

  it('ends with an event also where the backend speaks no JSON, and where it cannot be reached', async () => {
    const at = await cold(({ res }) => {
      res.writeHead(500, { 'content-type': 'text/plain' })
      res.end('Internal Server Error')
    })
    const first = await readUntil(await post(at.url + chat, streamed), ': ')
    at.admission.admit()
    expect(await first.rest()).toContain('data: {"error":{"message":"Internal Server Error"')
    at.admission.warm = false
    const second = await readUntil(await post(at.url + chat, streamed), ': ')
    at.admission.url = 'http://127.0.0.1:1'
    at.admission.admit()
    expect(await second.rest()).toContain('"code":"backend_unreachable"')
  })

  it('asks the backend for no content coding, as none has been declared', async () => {
    let seen: unknown
    const at = await cold(({ req, res }) => {
      seen = req.headers['accept-encoding']
      sse(res, 'data: 1\n\n')
    })
    const { rest } = await readUntil(
      await post(at.url + chat, streamed, { 'accept-encoding': 'gzip' }),
      ': ',
    )
    at.admission.admit()
    await rest()
    expect(seen).toBeUndefined()
  })

  it('leaves the gate when its client leaves between two comments', async () => {
    const at = await cold()
    const abort = new AbortController()
    await readUntil(await post(at.url + chat, streamed, {}, abort.signal), ': ')
    const left = once(at.admission, 'left')
    abort.abort()
    await left
    expect(await at.record()).toMatchObject({ status: 499, code: 'client_left' })
  })
})

describe('SDKs', () => {
  const openai = (at: World) =>
    new OpenAI({ baseURL: `${at.url}/v1`, apiKey: 'none', maxRetries: 0 })
  const anthropic = (at: World) => new Anthropic({ baseURL: at.url, apiKey: 'none', maxRetries: 0 })
  const messages = [{ role: 'user' as const, content: 'hi' }]

  /** Lets the gate decide once the first comment must have gone out. */
  async function afterComments(at: World, decide: () => void): Promise<void> {
    await once(at.admission, 'waiting')
    at.admission.progress = () => {
      setImmediate(decide)
      at.admission.progress = Object.getPrototypeOf(at.admission)
        .progress as typeof at.admission.progress
      return at.admission.progress()
    }
  }

  async function drain(stream: AsyncIterable<unknown>): Promise<unknown[]> {
    const parts: unknown[] = []
    for await (const part of stream) parts.push(part)
    return parts
  }

  it('read through the comments to the content: OpenAI chat', async () => {
    const chunk = {
      id: 'c',
      object: 'chat.completion.chunk',
      created: 1,
      model: 'm',
      choices: [{ index: 0, delta: { content: 'hi' }, finish_reason: null }],
    }
    const at = await cold(({ res }) =>
      sse(res, `data: ${JSON.stringify(chunk)}\n\n`, 'data: [DONE]\n\n'),
    )
    const asked = openai(at).chat.completions.create({ model: 'org/model', messages, stream: true })
    await afterComments(at, () => at.admission.admit())
    expect(await drain(await asked)).toEqual([chunk])
  })

  it('throw the refusal that follows the comments: OpenAI chat, completions and responses', async () => {
    const at = await cold()
    const client = openai(at)
    const ways: (() => PromiseLike<AsyncIterable<unknown>>)[] = [
      () => client.chat.completions.create({ model: 'org/model', messages, stream: true }),
      () => client.completions.create({ model: 'org/model', prompt: 'hi', stream: true }),
      () => client.responses.create({ model: 'org/model', input: 'hi', stream: true }),
    ]
    for (const ask of ways) {
      const asked = ask()
      await afterComments(at, () => at.admission.refuse(failed))
      await expect(asked.then(drain)).rejects.toMatchObject({
        code: 'model_failed',
        error: { message: 'it exited with code 1' },
      })
    }
  })

  it('read through the comments to the content: Anthropic messages', async () => {
    const event = { type: 'message_stop' }
    const at = await cold(({ res }) =>
      sse(res, `event: message_stop\ndata: ${JSON.stringify(event)}\n\n`),
    )
    const asked = anthropic(at).messages.create({
      model: 'org/model',
      messages,
      max_tokens: 9,
      stream: true,
    })
    await afterComments(at, () => at.admission.admit())
    expect(await drain(await asked)).toEqual([event])
  })

  it('throw the refusal that follows the comments: Anthropic messages', async () => {
    const at = await cold()
    const asked = anthropic(at).messages.create({
      model: 'org/model',
      messages,
      max_tokens: 9,
      stream: true,
    })
    await afterComments(at, () => at.admission.refuse(failed))
    await expect(asked.then(drain)).rejects.toMatchObject({
      error: { type: 'error', error: { code: 'model_failed', message: 'it exited with code 1' } },
    })
  })

  it('throw plain refusals with their status', async () => {
    const at = await cold(undefined, 60_000)
    at.admission.refusal = failed
    await expect(
      openai(at).chat.completions.create({ model: 'org/model', messages }),
    ).rejects.toMatchObject({ status: 503, code: 'model_failed' })
    await expect(
      anthropic(at).messages.create({ model: 'org/model', messages, max_tokens: 9 }),
    ).rejects.toMatchObject({ status: 503, error: { error: { code: 'model_failed' } } })
    await expect(
      anthropic(at).messages.create({ model: 'none', messages, max_tokens: 9 }),
    ).rejects.toMatchObject({ status: 404 })
  })

  it('list and retrieve models', async () => {
    const at = await cold()
    const listed = await drain(openai(at).models.list())
    expect(listed).toMatchObject([{ id: 'org/model' }, { id: 'alias' }, { id: 'other' }])
    expect(await openai(at).models.retrieve('org/model')).toMatchObject({
      id: 'org/model',
      owned_by: 'vllm-chill',
    })
    expect(at.admission.seen).toEqual([])
  })
})

describe('stored responses', () => {
  const id = 'resp_0123abc'

  async function stored(streaming: boolean): Promise<{ at: World; paths: string[] }> {
    const paths: string[] = []
    open = await world(
      answering(({ req, res }) => {
        paths.push(`${req.method} ${req.url}`)
        if (streaming && req.method === 'POST' && req.url === '/v1/responses') {
          sse(
            res,
            'event: response.created\ndata: {"type":"response.created","response":{"id":',
            `"${id}","object":"response"}}\n\n`,
          )
        } else res.end(JSON.stringify({ id, object: 'response' }))
      }),
    )
    await (
      await post(`${open.url}/v1/responses`, { model: 'org/model', input: 'hi', stream: streaming })
    ).text()
    return { at: open, paths }
  }

  it.each([false, true])(
    'are found at the backend that made them (streamed: %s)',
    async (streaming) => {
      const { at, paths } = await stored(streaming)
      expect(await (await fetch(`${at.url}/v1/responses/${id}?stream=false`)).json()).toMatchObject(
        { id },
      )
      expect((await post(`${at.url}/v1/responses/${id}/cancel`, '')).status).toBe(200)
      expect((await fetch(`${at.url}/v1/responses/${id}`, { method: 'DELETE' })).status).toBe(200)
      expect(paths.slice(1)).toEqual([
        `GET /v1/responses/${id}?stream=false`,
        `POST /v1/responses/${id}/cancel`,
        `DELETE /v1/responses/${id}`,
      ])
      expect(at.admission.seen.at(-1)).toMatchObject({
        model: 'org/model',
        path: '/v1/responses/{id}',
      })
      expect(at.admission.released).toBe(4)
    },
  )

  it('are 404 when the backend has been unloaded since, and wake nothing', async () => {
    const { at } = await stored(false)
    at.admission.warm = false
    const response = await fetch(`${at.url}/v1/responses/${id}`)
    expect(response.status).toBe(404)
    expect(await errorOf(response)).toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('unloaded') as unknown,
    })
    expect(at.admission.acquired).toBe(0)
  })

  it('are 404 when the model is back, but in another process', async () => {
    const { at, paths } = await stored(false)
    at.admission.incarnation = 'two'
    expect((await fetch(`${at.url}/v1/responses/${id}`)).status).toBe(404)
    expect(paths).toHaveLength(1)
    expect(at.admission.leases.size).toBe(0)
  })

  it('wait for room at a backend that is busy', async () => {
    const { at } = await stored(false)
    at.admission.warm = false
    at.admission.state = 'ready.serving'
    const response = fetch(`${at.url}/v1/responses/${id}`)
    await once(at.admission, 'waiting')
    at.admission.admit()
    expect((await response).status).toBe(200)
  })

  it('are not asked for again where the backend cannot be reached, as that could only wake another one', async () => {
    const { at } = await stored(false)
    at.admission.url = 'http://127.0.0.1:1'
    const response = await fetch(`${at.url}/v1/responses/${id}`)
    expect(response.status).toBe(502)
    expect(at.admission.acquired).toBe(0)
  })

  it('are 404 when nobody has heard of them', async () => {
    const { at } = await stored(false)
    expect((await fetch(`${at.url}/v1/responses/resp_other`)).status).toBe(404)
    expect(at.admission.seen).toHaveLength(1)
  })
})
