/**
 * What watching costs per request, in CPU time of the program: `npm run --silent bench:request`. The log's
 * lines go to the standard output, which is best a file; the figures to the standard error.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Lease } from '../../src/admission/index.ts'
import { logRequest } from '../../src/cli/serve/request-line.ts'
import { createMetrics } from '../../src/metrics/index.ts'
import { AnswerTail } from '../../src/proxy/answer-tail.ts'
import type { RequestRecord } from '../../src/proxy/index.ts'
import { createLog } from '../../src/telemetry/index.ts'
import { startTracing } from '../../src/tracing/index.ts'

const record: RequestRecord = {
  id: 'b2f7c6a0-8f2e-4b0e-9a53-1f0f5f1d2c3b',
  method: 'POST',
  route: '/v1/chat/completions',
  model: 'qwen3-coder-30b-fp8',
  backend: 'vllm',
  status: 200,
  code: undefined,
  stream: true,
  waitedMs: 0,
  forwardedMs: 0.312,
  firstByteMs: 12.321,
  durationMs: 1203.123,
  bytesIn: 2312,
  bytesOut: 40_213,
  usage: { promptTokens: 100, completionTokens: 200, cachedTokens: undefined },
  traceId: undefined,
}
const turns = 2_000
/** Requests that end in one turn of the event loop, as with some thousand a second. */
const perTurn = 8

const log = createLog({ format: 'json' })
const metrics = createMetrics({
  catalogue: { models: new Map(), problems: [] },
  gpusOf: () => ({ of: () => 1, always: 1 }),
  version: '0',
  driver: 'process',
})
const token = Buffer.from(`data: {"choices":[{"delta":{"content":"word"}}]}\n\n`)
const last = Buffer.from(
  `data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n`,
)

function readTail(): void {
  const tail = new AnswerTail()
  for (let i = 0; i < 200; i++) tail.data(token)
  tail.data(last)
  tail.usage()
}

const request = {
  method: 'POST',
  route: record.route,
  path: record.route,
  headers: { host: 'localhost:8080', 'user-agent': 'bench' },
}
const lease = {
  backend: 'vllm',
  endpoint: { url: 'http://127.0.0.1:8000' },
  request: { model: record.model },
} as Lease

/** The same with all its spans thrown away at the sampler, and with all of them kept until they are sent. */
function tracing(sampler: string) {
  process.env['OTEL_TRACES_SAMPLER'] = sampler
  // Nobody listens there: what it costs to send is not in here.
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = 'http://127.0.0.1:9'
  process.env['OTEL_BSP_SCHEDULE_DELAY'] = '3600000'
  const { tracer } = startTracing({ version: '0', log: { warn: () => {} } })
  return () => {
    const trace = tracer.request(request)
    trace.forwarded(lease)
    trace.answered(200)
    trace.over()
    trace.ended(record)
  }
}

async function measure(what: string, once: () => void): Promise<void> {
  const round = async () => {
    for (let turn = 0; turn < turns; turn++) {
      for (let i = 0; i < perTurn; i++) once()
      await nextTurn()
    }
  }
  const cpuOf = async (work: () => Promise<void>) => {
    const before = process.cpuUsage()
    await work()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / (turns * perTurn)
  }
  await round()
  const rounds: number[] = []
  for (let i = 0; i < 5; i++) rounds.push(await cpuOf(round))
  process.stderr.write(
    `${Math.min(...rounds)
      .toFixed(2)
      .padStart(8)} µs  ${what}\n`,
  )
}

await measure('nothing, but the turns of the event loop', () => {})
await measure('metrics', () => metrics.onRequest(record))
await measure('its line in the log', () => logRequest(log, record))
await measure('the same as a line of any other kind', () => log.info({ ...record }, 'a request'))
await measure('token usage, of a stream with 200 tokens', readTail)
await measure('tracing, not sampled', tracing('always_off'))
await measure('tracing, sampled', tracing('always_on'))
process.exit()
