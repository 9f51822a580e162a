import type { IncomingHttpHeaders } from 'node:http'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { startTracing, type Tracing } from '../../../src/tracing/index.ts'
import { Receiver, treeOf } from '../../otlp-receiver.ts'
import { answering, chat, hello, once, post, world, type World } from './harness.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const clientSpan = 'b7ad6b7169203331'
const context = {
  traceparent: `00-${traceId}-${clientSpan}-01`,
  tracestate: 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE',
  baggage: 'user=alice',
}
const collector = new Receiver()
let tracing: Tracing | undefined
let at: World

/** A proxy before a backend that says which headers it got. */
async function proxy(on: boolean, environment: Record<string, string> = {}) {
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
  tracing = on ? startTracing({ version: '1', log: { warn: () => {} } }) : undefined
  const got: IncomingHttpHeaders[] = []
  const backend = answering(({ req, res }) => {
    got.push(req.headers)
    // A connection that is kept open until the next request has come, and no longer.
    if (req.headers['x-break'] === String(got.length)) res.destroy()
    else res.writeHead(req.headers['x-fail'] ? 500 : 200).end('{}')
  })
  at = await world(backend, tracing && { tracer: tracing.tracer })
  return got
}

beforeEach(async () => {
  collector.spans.length = 0
  await collector.listen()
  vi.stubEnv('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', `${collector.url}/v1/traces`)
  vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '20')
})

afterEach(async () => {
  await at.close()
  await tracing?.close()
  collector.close()
  vi.unstubAllEnvs()
})

const ask = (headers: Record<string, string> = {}) => post(at.url + chat, hello, headers)

describe('W3C trace context', () => {
  it('passes untouched while tracing is off', async () => {
    const got = await proxy(false)
    await ask(context)
    expect(got[0]).toMatchObject(context)
    await ask()
    expect(got[1]).not.toHaveProperty('traceparent')
    expect((await at.record()).traceId).toBeUndefined()
  })

  it('leads from the client through the proxy to the backend', async () => {
    const got = await proxy(true)
    await ask(context)
    const spans = await collector.trace(traceId)
    const upstream = spans.find(({ kind }) => kind === 3)
    expect(got[0]).toMatchObject({
      traceparent: `00-${traceId}-${upstream?.spanId}-01`,
      tracestate: context.tracestate,
      baggage: context.baggage,
    })
    const root = spans.find(({ parentSpanId }) => parentSpanId === clientSpan)!
    expect(treeOf(spans, root)).toBe(`POST ${chat} > [chat org/model]`)
    expect((await at.record()).traceId).toBe(traceId)
  })

  it('begins here where the client has none', async () => {
    const got = await proxy(true)
    await ask({ tracestate: 'lonely=1' })
    const { traceId: own } = await at.record()
    expect(own).toMatch(/^[\da-f]{32}$/)
    const spans = await collector.trace(String(own))
    const root = spans.find(({ kind }) => kind === 2)
    expect(root).not.toHaveProperty('parentSpanId')
    expect(got[0]?.traceparent).toMatch(new RegExp(`^00-${own}-[\\da-f]{16}-01$`))
    expect(got[0]).not.toHaveProperty('tracestate')
  })

  it('goes on unsampled where that was decided before, and nothing is sent', async () => {
    const got = await proxy(true)
    await ask({ traceparent: `00-${traceId}-${clientSpan}-00` })
    expect(got[0]?.traceparent).toMatch(new RegExp(`^00-${traceId}-[\\da-f]{16}-00$`))
    await tracing?.close()
    expect(collector.spans).toEqual([])
  })

  it('is sampled as the standard variables say', async () => {
    const got = await proxy(true, {
      OTEL_TRACES_SAMPLER: 'traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0',
    })
    await ask(context)
    expect(got[0]?.traceparent).toMatch(/-00$/)
    await tracing?.close()
    expect(collector.spans).toEqual([])
  })

  it.each(['nonsense', `00-${'0'.repeat(32)}-${clientSpan}-01`, `ff-${traceId}-${clientSpan}-01`])(
    'that is none (%s) is as if there was none',
    async (traceparent) => {
      const got = await proxy(true)
      await ask({ traceparent })
      expect(got[0]?.traceparent).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-01$/)
      expect(got[0]?.traceparent).not.toContain(clientSpan)
    },
  )
})

describe('what the backend did', () => {
  it('is told as often as it was asked', async () => {
    const got = await proxy(true)
    await ask()
    // On the connection that served before, which breaks before a byte of an answer.
    await ask({ ...context, 'x-break': '2' })
    expect(got).toHaveLength(3)
    const spans = (await collector.trace(traceId)).filter(({ kind }) => kind === 3)
    expect(spans.map(({ status }) => status)).toEqual([2, 0])
    expect(spans[0]?.attributes['error.type']).toBe('UND_ERR_SOCKET')
    expect(spans[1]?.attributes['http.request.resend_count']).toBe(1)
    expect(got[2]?.traceparent).toContain(spans[1]?.spanId)
  })

  it('is its fault where it fails, and the answer a failure of the server', async () => {
    await proxy(true)
    await ask({ ...context, 'x-fail': '1' })
    const spans = await collector.trace(traceId)
    expect(spans.map(({ status }) => status)).toEqual([2, 2])
    expect(spans.map(({ attributes }) => attributes['error.type'])).toEqual(['500', '500'])
  })
})

it('a WebSocket is traced too', async () => {
  await proxy(true)
  const server = new WebSocketServer({ server: at.backend })
  const connected = once(server, 'connection') as Promise<
    [WebSocket, { headers: IncomingHttpHeaders }]
  >
  at.admission.warm = false
  const waiting = once(at.admission, 'waiting')
  const socket = new WebSocket(`${at.url.replace('http', 'ws')}/v1/realtime?model=org/model`, {
    headers: context,
  })
  await waiting
  const opened = once(socket, 'open')
  at.admission.admit()
  const [, { headers }] = await connected
  await opened
  socket.close()
  const spans = await collector.trace(traceId)
  const root = spans.find(({ kind }) => kind === 2)!
  expect(treeOf(spans, root)).toBe('GET /v1/realtime > [admission wait, GET /v1/realtime]')
  expect(headers.traceparent).toContain(spans.find(({ kind }) => kind === 3)?.spanId)
  expect(root.attributes['http.response.status_code']).toBe(101)
  server.close()
})
