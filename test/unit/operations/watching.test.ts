import { connect } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import { systemClock, type Transition } from '../../../src/admission/index.ts'
import { createEventHub } from '../../../src/events/index.ts'
import { withoutSecrets } from '../../../src/operations/without-secrets.ts'
import { fakeCatalogue, FakeFleet, serveOperations } from './fakes.ts'

const bounds = { backends: { count: 100, bytes: 4e6 }, requests: { count: 100, bytes: 4e6 } }

async function watched() {
  const events = createEventHub({ version: '1.2.3', clock: systemClock, bounds })
  const fleet = new FakeFleet()
  events.attach(fleet, fakeCatalogue())
  const served = await serveOperations({ events, fleet })
  const step = (because = ''): Transition => ({
    backend: 'gpu0',
    from: 'cold',
    to: 'scalingUp',
    event: 'demand changed',
    model: 'qwen3',
    target: undefined,
    generation: 1,
    because,
    afterMs: 1,
  })
  return { ...served, events, tell: (because?: string) => events.onTransition(step(because)) }
}

describe('the event stream', () => {
  it('is kept by nobody on the way', async () => {
    const { url } = await watched()
    const answer = await fetch(`${url}/proxy/events?follow=false`)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-request-id': expect.any(String),
    })
    expect(await answer.text()).toMatch(/^id: \d+-0\nevent: hello\ndata: \{"at":"/)
  })

  it.each(['?last=some', '?follow=maybe', '?last=-1'])('is refused with %s', async (query) => {
    const { get } = await serveOperations()
    const { status, body } = await get(`/proxy/events${query}`)
    expect(status).toBe(400)
    expect(body.error).toMatchObject({ code: 'bad_request', param: /\w+/.exec(query)![0] })
  })

  it('is over for a client that leaves', async () => {
    const { url, events } = await watched()
    const leaving = new AbortController()
    await fetch(`${url}/proxy/events`, { signal: leaving.signal })
    expect(events.readers).toBe(1)
    leaving.abort()
    await vi.waitFor(() => expect(events.readers).toBe(0))
  })

  it('drops a client that takes nothing, while another reads all of it', async () => {
    const { url, events, tell } = await watched()
    const { port, hostname } = new URL(url)
    const stuck = connect(Number(port), hostname)
    stuck.on('error', () => {}).pause()
    stuck.write('GET /proxy/events HTTP/1.1\r\nHost: localhost\r\n\r\n')
    const reads = await fetch(`${url}/proxy/events?types=transition`)
    let read = ''
    const reading = reads
      .body!.pipeThrough(new TextDecoderStream())
      .pipeTo(new WritableStream({ write: (text) => void (read += text) }))
    reading.catch(() => {})
    await vi.waitFor(() => expect(events.readers).toBe(2))
    // More than the kernel takes for a client, and the ring keeps.
    const long = 'x'.repeat(1_000_000)
    for (let told = 0; events.readers === 2; told++) {
      if (told > 200) throw new Error('it is never dropped')
      tell(long)
      await vi.waitFor(() => expect(read.split('event: transition')).toHaveLength(told + 2))
      read = read.replaceAll(long, '')
    }
    expect(events.readers).toBe(1)
    tell('the last')
    await vi.waitFor(() => expect(read).toContain('the last'))
    events.close()
    await reading
    stuck.destroy()
  })
})

describe('a cancel', () => {
  const request = { id: 'r1', model: 'qwen3', path: '/v1/completions', sinceMs: 5 }

  it('names a request, and says how many have its id', async () => {
    const fleet = new FakeFleet()
    fleet.running.waiting.push({ ...request, bytes: 3 })
    const { get, post } = await serveOperations({ fleet })
    expect((await get('/proxy/requests?limit=1')).body.waiting).toMatchObject([{ id: 'r1' }])
    const { status, body } = await post('/proxy/requests/cancel', { id: 'r1' })
    expect([status, body]).toEqual([202, { status: 'accepted', id: 'r1', cancelled: 1 }])
    expect((await post('/proxy/requests/cancel', { id: 'r2' })).status).toBe(404)
    expect((await post('/proxy/requests/cancel', { id: '' })).body.error.param).toBe('id')
    expect((await get('/proxy/requests/cancel')).headers.allow).toBe('POST')
  })
})

describe('a manifest that is shown', () => {
  it.each([
    [{ env: { HF_TOKEN: 'x', NCCL_DEBUG: 'x' } }, { env: { HF_TOKEN: '?', NCCL_DEBUG: '?' } }],
    [
      { extraArgs: ['--api-key', 'x', '--seed', '1', '--api-key=x'] },
      { extraArgs: ['--api-key', '?', '--seed', '1', '--api-key=?'] },
    ],
    [
      { extraArgs: ['--api-key', 'x', 'x', '--seed', '1', '--load', '{"api_key": "x", "n": 1}'] },
      { extraArgs: ['--api-key', '?', '?', '--seed', '1', '--load', '{"api_key": "?", "n": 1}'] },
    ],
    [
      { command: 'vllm serve --api-key x x --port 1' },
      { command: 'vllm serve --api-key ? --port 1' },
    ],
    [
      { command: 'env HF_TOKEN=x vllm serve --api-key x --port 1' },
      { command: 'env HF_TOKEN=? vllm serve --api-key ? --port 1' },
    ],
    [
      { modelName: 's3://me:x@host/m', maxModelLen: 9 },
      { modelName: 's3://?@host/m', maxModelLen: 9 },
    ],
    [
      {
        podTemplate: { spec: { containers: [{ name: 'vllm', env: [{ name: 'A', value: 'x' }] }] } },
      },
      {
        podTemplate: { spec: { containers: [{ name: 'vllm', env: [{ name: 'A', value: '?' }] }] } },
      },
    ],
    [
      {
        podTemplate: {
          spec: { initContainers: [{ env: [{ name: 'A', valueFrom: { key: 'k' } }] }] },
        },
      },
      {
        podTemplate: {
          spec: { initContainers: [{ env: [{ name: 'A', valueFrom: { key: 'k' } }] }] },
        },
      },
    ],
    [
      { podTemplate: { metadata: { annotations: { password: 'x' } } } },
      { podTemplate: { metadata: { annotations: { password: '?' } } } },
    ],
  ])('has no secret: %j', (spec, shown) => {
    const text = JSON.stringify(withoutSecrets(spec)).replaceAll('(not shown)', '?')
    expect(JSON.parse(text)).toEqual(shown)
  })
})
