import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { chat, postJson, simulator } from './simulators.ts'

const status = async (response: Promise<Response>) => (await response).status

describe('what cannot be understood', () => {
  test.each([
    ['no JSON', '{"model":'],
    ['a list', '[]'],
    ['no messages', '{"model":"m"}'],
    ['messages of the wrong type', '{"messages":"hi"}'],
    ['no message', '{"messages":[]}'],
    ['a model that is no text', '{"model":3,"messages":[{"content":"hi"}]}'],
    ['a limit that is no number', '{"max_tokens":"a","messages":[{"content":"hi"}]}'],
    ['a limit below one', '{"max_tokens":0,"messages":[{"content":"hi"}]}'],
    ['a tool choice without tools', '{"tool_choice":"required","messages":[{"content":"hi"}]}'],
  ])('%s is a 400 with an integer code', async (_, body) => {
    const { url } = await simulator()
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: { code: 400 } })
  })

  test('JSON that is not declared as JSON is refused, as vLLM does', async () => {
    const { url } = await simulator()
    const body = JSON.stringify({ messages: [{ role: 'user', content: 'hi' }] })
    const response = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body })
    expect(response.status).toBe(400)
    expect(await response.text()).toContain("Only 'application/json' is allowed")
  })

  test('unknown paths, single models and wrong methods are refused', async () => {
    const { url } = await simulator()
    expect(await status(fetch(`${url}/nothing`))).toBe(404)
    expect(await status(fetch(`${url}/v1/models/m`))).toBe(404)
    expect(await status(fetch(`${url}/__proto__`))).toBe(404)
    expect(await status(fetch(`${url}//`))).toBe(404)
    expect(await status(fetch(`${url}/v1/chat/completions`))).toBe(405)
  })

  test('a prompt longer than the context is refused when its length is set', async () => {
    const { url } = await simulator('--max-model-len 3')
    expect(await status(chat(url, 'a b'))).toBe(200)
    expect(await status(chat(url, 'a b c'))).toBe(400)
  })
})

test('the key is asked for under /v1, /v2 and /inference only', async () => {
  const { url } = await simulator('', { VLLM_API_KEY: 'secret' })
  const refused = await fetch(`${url}/v1/models`)
  expect(refused.status).toBe(401)
  expect(await refused.json()).toEqual({ error: 'Unauthorized' })
  const headers = { authorization: 'Bearer secret' }
  expect(await status(fetch(`${url}/v1/models`, { headers }))).toBe(200)
  expect(await status(postJson(`${url}/v2/rerank`, {}))).toBe(401)
  expect(await status(postJson(`${url}/inference/v1/generate`, {}))).toBe(401)
  expect(await status(postJson(`${url}/rerank`, { query: 'a', documents: ['a'] }))).toBe(200)
  expect(await status(fetch(`${url}/metrics`))).toBe(200)
})

test('request ids are echoed, or made, only when that is enabled', async () => {
  const headers = { 'x-request-id': 'mine' }
  const { url } = await simulator('--enable-request-id-headers')
  expect((await fetch(`${url}/health`, { headers })).headers.get('x-request-id')).toBe('mine')
  expect((await fetch(`${url}/health`)).headers.get('x-request-id')).toMatch(/^[\w-]{36}$/)
  const { url: other } = await simulator()
  expect((await fetch(`${other}/health`, { headers })).headers.has('x-request-id')).toBe(false)
})

test('health, ping, version and load answer', async () => {
  const { url } = await simulator()
  expect(await status(fetch(`${url}/health`))).toBe(200)
  expect(await status(fetch(`${url}/ping`, { method: 'POST' }))).toBe(200)
  expect(await (await fetch(`${url}/version`)).json()).toHaveProperty('version')
  expect(await (await fetch(`${url}/load`)).json()).toEqual({ server_load: 0 })
})

test('no page of another origin may ask, as by default', async () => {
  const { url } = await simulator()
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'OPTIONS',
    headers: { origin: 'http://page', 'access-control-request-method': 'POST' },
  })
  expect(response.status).toBe(400)
  expect(response.headers.has('access-control-allow-origin')).toBe(false)
  expect(await response.text()).toBe('Disallowed CORS origin')
})

describe('endpoints that have no client of their own', () => {
  const said = (content: string) => ({ role: 'user', content })
  const documents = ['red', 'blue green', 'green']

  test.each(['/rerank', '/v1/rerank', '/v2/rerank'])('%s puts likeness first', async (path) => {
    const { url } = await simulator()
    const body = { model: 'm', query: 'green', documents, top_n: 2 }
    const answer = await (await postJson(url + path, body)).json()
    expect(answer).toMatchObject({ results: [{ index: 2, relevance_score: 1 }, { index: 1 }] })
  })

  test.each(['/score', '/v1/score'])('%s compares one with many', async (path) => {
    const { url } = await simulator()
    const answer = await (await postJson(url + path, { text_1: 'green', text_2: documents })).json()
    expect(answer).toMatchObject({ data: [{ score: 0 }, { score: 0.5 }, { score: 1 }] })
  })

  test('tokens come back as the text they were made from', async () => {
    const { url } = await simulator('--max-model-len 100')
    const made = (await (await postJson(`${url}/tokenize`, { prompt: 'one two' })).json()) as object
    expect(made).toMatchObject({ count: 2, max_model_len: 100 })
    const { tokens } = made as { tokens: number[] }
    const back = await postJson(`${url}/detokenize`, { tokens })
    expect(await back.json()).toEqual({ prompt: 'one two' })
    const generated = await postJson(`${url}/inference/v1/generate`, { token_ids: tokens })
    expect(await generated.json()).toMatchObject({ choices: [{ finish_reason: 'stop' }] })
  })

  test.each([
    ['/v1/chat/completions/batch', { messages: [[said('a')], [said('b')]] }],
    ['/v2/embed', { texts: ['a'] }],
    ['/pooling', { input: 'a' }],
    ['/classify', { input: 'a' }],
    ['/generative_scoring', { query: 'a', items: ['b'] }],
    ['/invocations', { messages: [said('a')] }],
  ])('%s answers, and knows only its own model', async (path, body) => {
    const { url } = await simulator()
    expect(await status(postJson(url + path, { ...body, model: 'm' }))).toBe(200)
    expect(await status(postJson(url + path, body))).toBe(200)
    expect(await status(postJson(url + path, { ...body, model: 'other' }))).toBe(404)
  })
})

describe('the WebSocket /v1/realtime', () => {
  const next = async (socket: WebSocket) => {
    const [data] = (await once(socket, 'message')) as [Buffer]
    return JSON.parse(data.toString()) as unknown
  }

  test('greets, checks the model and echoes every other event', async () => {
    const { url } = await simulator()
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/realtime`)
    expect(await next(socket)).toMatchObject({ type: 'session.created', model: 'm' })
    socket.send(JSON.stringify({ type: 'session.update', model: 'm' }))
    expect(await next(socket)).toEqual({ type: 'session.updated', model: 'm' })
    socket.send(JSON.stringify({ type: 'session.update', model: 'other' }))
    expect(await next(socket)).toMatchObject({ type: 'error', code: 'model_not_found' })
    const event = { type: 'input_audio_buffer.append', audio: 'AAAA' }
    socket.send(JSON.stringify(event))
    expect(await next(socket)).toEqual(event)
    socket.send('{')
    expect(await next(socket)).toMatchObject({ code: 'invalid_json' })
    socket.close()
  })

  test('asks for the key, and no other path can be upgraded', async () => {
    const { url } = await simulator('--api-key secret')
    const refusal = async (path: string) => {
      const [error] = (await once(new WebSocket(url.replace('http', 'ws') + path), 'error')) as [
        Error,
      ]
      return error.message
    }
    expect(await refusal('/v1/realtime')).toContain('401')
    expect(await refusal('/v1/chat/completions')).toContain('404')
  })

  test('is cut when the server closes', async () => {
    const { url, close } = await simulator()
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/realtime`)
    await next(socket)
    const ended = once(socket, 'close')
    await close()
    await ended
  })
})
