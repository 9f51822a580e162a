import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Receiver, treeOf, type ReceivedSpan } from '../../otlp-receiver.ts'
import { ask, contentOf, refusalOf } from './conversation.ts'
import { says } from './log-lines.ts'
import { simulating } from './models.ts'
import { startProgram, type Setup } from './program.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const clientSpan = 'b7ad6b7169203331'

async function receiver(): Promise<Receiver> {
  const made = new Receiver()
  await made.listen()
  onTestFinished(() => made.close())
  return made
}

/** The program with what the standard's variables say. */
function traced({ url }: Receiver, setup: Setup = {}) {
  return startProgram({
    ...setup,
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_BSP_SCHEDULE_DELAY: '20',
      ...setup.environment,
    },
  })
}

const parent = (id = traceId) => ({ headers: { traceparent: `00-${id}-${clientSpan}-01` } })
const rootOf = (spans: readonly ReceivedSpan[]) => spans.find(({ kind }) => kind === 2)!
const named = (spans: readonly ReceivedSpan[], name: string) =>
  spans.find((span) => span.name === name)!

test('a cold start is one trace: the request, its wait with what it waited for, and what vLLM did', async () => {
  const collector = await receiver()
  const program = await traced(collector, {
    environment: { OTEL_SERVICE_NAME: 'our-llm', OTEL_RESOURCE_ATTRIBUTES: 'team=a,zone=b' },
  })
  const answer = await ask(
    program,
    'a',
    { stream: true, stream_options: { include_usage: true } },
    parent(),
  )
  await answer.text()
  const spans = await collector.trace(traceId)
  const root = rootOf(spans)
  expect(root.parentSpanId).toBe(clientSpan)
  expect(treeOf(spans, root)).toBe(
    'POST /v1/chat/completions > [admission wait > [create resources, scale up > [process, loading]], chat a]',
  )
  for (const span of spans) {
    const above = spans.find(({ spanId }) => spanId === span.parentSpanId)
    if (!above) continue
    expect([span.name, span.from >= above.from, span.to <= above.to]).toEqual([
      span.name,
      true,
      true,
    ])
  }
  expect(root.attributes).toMatchObject({
    'http.request.method': 'POST',
    'http.route': '/v1/chat/completions',
    'url.path': '/v1/chat/completions',
    'http.response.status_code': 200,
    'gen_ai.operation.name': 'chat',
    'gen_ai.request.model': 'a',
    'gen_ai.usage.input_tokens': expect.any(Number),
    'gen_ai.usage.output_tokens': expect.any(Number),
    'vllm_chill.backend': 'vllm',
    'vllm_chill.request_id': answer.headers.get('x-request-id'),
  })
  expect(named(spans, 'chat a')).toMatchObject({
    kind: 3,
    events: ['first byte of the answer'],
    attributes: { 'http.response.status_code': 200, 'server.address': '127.0.0.1' },
  })
  expect(spans.map(({ status }) => status)).not.toContain(2)
  expect(collector.resources[0]).toMatchObject({
    'service.name': 'our-llm',
    team: 'a',
    zone: 'b',
    'service.version': expect.any(String),
  })
  expect(JSON.stringify(collector.requests)).not.toMatch(/you said|"hi"/)
  const line = await program.waitForLog(says('POST /v1/chat/completions a 200'))
  expect(line['traceId']).toBe(traceId)

  // The next one finds it warm.
  const second = '1af7651916cd43dd8448eb211c80319c'
  await (await ask(program, 'a', {}, parent(second))).text()
  const warm = await collector.trace(second)
  expect(treeOf(warm, rootOf(warm))).toBe('POST /v1/chat/completions > [chat a]')
})

test('a switch shows the drain and the unload; who came later sees its own part of it', async () => {
  const collector = await receiver()
  const program = await traced(collector, { simulate: '--itl 20ms --load-time 300ms' })
  await (await ask(program, 'a')).text()
  const busy = ask(program, 'a', { max_tokens: 30, ignore_eos: true })
  await program.untilBackend(({ leases }) => leases === 1)
  const first = ask(program, 'b', {}, parent())
  await program.operate('models/switch', { model_id: 'b' })
  await program.untilBackend(({ state, target }) => state === 'scalingUp' && target === undefined)
  const second = '2af7651916cd43dd8448eb211c80319c'
  const later = ask(program, 'b', {}, parent(second))
  await Promise.all([busy, first, later].map(async (each) => (await each).text()))

  const spans = await collector.trace(traceId)
  expect(treeOf(spans, rootOf(spans))).toMatch(
    /admission wait > \[drain, unload, create resources, scale up > \[process, loading\]\], chat b\]$/,
  )
  expect(named(spans, 'drain').attributes).toMatchObject({
    'vllm_chill.backend': 'vllm',
    'gen_ai.request.model': 'b',
    'vllm_chill.because': expect.stringContaining('operator'),
  })
  const others = await collector.trace(second)
  expect(treeOf(others, rootOf(others))).toMatch(/admission wait > \[scale up/)
  expect(named(others, 'scale up').from).toBe(named(others, 'admission wait').from)
})

test('a start that fails, a client that leaves and a wrong name are told as what they are', async () => {
  const collector = await receiver()
  const models = { broken: simulating({ failLoad: 3 }), slow: simulating({ loadTime: '60s' }) }
  const program = await traced(collector, { models })
  expect(await refusalOf(await ask(program, 'broken', {}, parent()))).toMatchObject({ status: 503 })
  const failed = await collector.trace(traceId)
  expect(rootOf(failed)).toMatchObject({ status: 2, attributes: { 'error.type': 'model_failed' } })
  expect(named(failed, 'admission wait').status).toBe(2)
  expect(named(failed, 'scale up')).toMatchObject({
    status: 2,
    attributes: { 'error.type': 'exited' },
  })

  const leaves = new AbortController()
  const second = '3af7651916cd43dd8448eb211c80319c'
  const left = ask(program, 'slow', {}, { ...parent(second), signal: leaves.signal })
  await program.untilBackend(({ waiting }) => waiting.length === 1)
  leaves.abort()
  await expect(left).rejects.toThrow()
  const gone = await collector.trace(second)
  expect(rootOf(gone).attributes).toMatchObject({
    'http.response.status_code': 499,
    'error.type': 'client_left',
  })
  expect(rootOf(gone).status).toBe(0)

  const third = '4af7651916cd43dd8448eb211c80319c'
  const wrong = await fetch(`${program.url}/nothing/private?key=private`, parent(third))
  expect(wrong.status).toBe(404)
  const [unknown] = await collector.trace(third)
  expect(unknown).toMatchObject({ name: 'GET', status: 0 })
  expect(unknown?.attributes).not.toHaveProperty('http.route')
  expect(JSON.stringify(collector.requests)).not.toContain('key=')
})

/** Writes into a file which modules of tracing are loaded; prom-client needs OpenTelemetry's API in any case. */
const telling = (file: string) =>
  `data:text/javascript,${encodeURIComponent(`
    import { appendFileSync } from 'node:fs'
    import { registerHooks } from 'node:module'
    registerHooks({ load: (url, context, next) => {
      if (/src\\/tracing|@opentelemetry\\/(?!api\\/)/.test(url)) appendFileSync(${JSON.stringify(file)}, url + '\\n')
      return next(url, context)
    } })`)}`

test.each([
  ['nothing is set', {}, false],
  ['only a name is set', { OTEL_SERVICE_NAME: 'a' }, false],
  ['it is turned off', { endpoint: true, OTEL_SDK_DISABLED: 'true' }, false],
  ['no exporter is wanted', { endpoint: true, OTEL_TRACES_EXPORTER: 'none' }, false],
  ['an endpoint is set', { endpoint: true }, true],
])(
  'when %s, tracing is on: %o → %s',
  async (_, { endpoint, ...variables }: Record<string, unknown>, isOn) => {
    const collector = await receiver()
    const folder = await mkdtemp(join(tmpdir(), 'loaded-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const loaded = join(folder, 'loaded')
    const program = await startProgram({
      environment: {
        ...(variables as Record<string, string>),
        ...(endpoint === true ? { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } : {}),
        NODE_OPTIONS: `--import=${telling(loaded)}`,
      },
    })
    await (await ask(program, 'a', {}, parent())).text()
    program.signal('SIGTERM')
    await program.exited
    expect(existsSync(loaded)).toBe(isOn)
    // What is still kept is sent at the end.
    expect(collector.spans.length > 0).toBe(isOn)
    expect(collector.requests.length > 0).toBe(isOn)
  },
)

test('a collector that is away costs a line of the log, and holds up nothing', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  taken.close()
  const program = await startProgram({
    environment: {
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://127.0.0.1:${port}/v1/traces`,
      OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '500',
      OTEL_BSP_SCHEDULE_DELAY: '20',
    },
  })
  expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
  const line = await program.waitForLog(says('OpenTelemetry:'))
  expect(line.level).toBe('warn')
  program.signal('SIGTERM')
  expect(await program.exited).toEqual({ code: 0, signal: null })
})

test.each([
  [{ OTEL_TRACES_EXPORTER: 'zipkin' }, 'only `otlp` and `none`'],
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
    'over HTTP only',
  ],
])('what is not spoken here is said: %o', async (environment, hint) => {
  const program = await startProgram({ environment })
  expect((await program.waitForLog(says(hint))).level).toBe('warn')
  expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
})
