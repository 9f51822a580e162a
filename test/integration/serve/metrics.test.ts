import { request } from 'node:http'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { definitions, type Definition } from '../../../src/metrics/index.ts'
import { matchRoute } from '../../../src/proxy/routes.ts'
import { samplesOf, valueOf } from '../../exposition.ts'
import { checkMetrics, checkOpenMetrics, hasPromtool } from '../../promtool.ts'
import { ask, contentOf, refusalOf, stream } from './conversation.ts'
import { enters, says, until } from './log-lines.ts'
import { simulating } from './models.ts'
import { startProgram, type Program } from './program.ts'

const table: Readonly<Record<string, Definition>> = definitions
/** What they tell is true from the start to the end of the program. */
const constant = new Set(['vllm_chill_build_info', 'process_start_time_seconds'])

async function scrape(
  { url }: Pick<Program, 'url'>,
  path = '/proxy/metrics',
  accept = 'text/plain',
): Promise<string> {
  const answer = await fetch(url + path, { headers: { accept } })
  expect(answer.status).toBe(200)
  return await answer.text()
}

/** The samples of one metric, as one text. */
function familyOf(text: string, name: string): string {
  const { type } = table[name] as Definition
  const names = type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name]
  return JSON.stringify(samplesOf(text).filter((sample) => names.includes(sample.name)))
}

test('every metric of the table is told, and changes with what happens', async () => {
  const program = await startProgram({
    models: {
      a: simulating({ itl: '10ms' }),
      b: {},
      broken: simulating({ failLoad: 3 }),
    },
    flags: [
      '--max-wait=100ms',
      '--drain-deadline=300ms',
      '--drain-deadline-action=cut',
      '--idle-timeout=2s',
    ],
  })
  const scrapes = [await scrape(program)]
  const look = async () => {
    const text = await scrape(program)
    scrapes.push(text)
    return text
  }
  const first = scrapes[0] as string
  expect(valueOf(first, 'vllm_chill_backend_state', { state: 'cold' })).toBe(1)
  expect(valueOf(first, 'vllm_chill_vllm_state')).toBe(0)

  expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
  const woken = await look()
  expect(valueOf(woken, 'vllm_chill_current_model', { model_name: 'a' })).toBe(1)
  expect(valueOf(woken, 'vllm_chill_current_replicas')).toBe(1)
  for (const phase of ['resources', 'process', 'loading', 'first_token']) {
    expect([phase, valueOf(woken, 'vllm_chill_cold_start_seconds_count', { phase })]).toEqual([
      phase,
      1,
    ])
  }

  // A long stream of A is cut at the drain's deadline, for whoever waits for B.
  const long = stream(program, 'a', 1_000)
  const cut = expect(long.done).rejects.toThrow()
  await long.begun
  const waiting = ask(program, 'b')
  await program.untilBackend((backend) => backend.waiting.length === 1)
  const busy = await look()
  expect(valueOf(busy, 'vllm_chill_leases')).toBe(1)
  expect(valueOf(busy, 'vllm_chill_idle_time_seconds')).toBe(0)
  expect(valueOf(busy, 'vllm_chill_waiting_requests', { model: 'b' })).toBe(1)
  expect(valueOf(busy, 'vllm_chill_waiting_requests', { model: 'a' })).toBe(0)
  expect(valueOf(busy, 'vllm_chill_waiting_bytes', { model: 'b' })).toBeGreaterThan(0)
  expect(valueOf(busy, 'vllm_chill_oldest_wait_seconds', { model: 'b' })).toBeGreaterThan(0)
  await cut
  expect(await contentOf(await waiting)).toBe('[b] you said: hi')
  const switched = await look()
  const turn = { from_model: 'a', to_model: 'b' }
  const success = { ...turn, status: 'success' }
  expect(valueOf(switched, 'vllm_chill_model_switches_total', success)).toBe(1)
  expect(valueOf(switched, 'vllm_chill_model_switch_duration_seconds_count', turn)).toBe(1)
  const reason = 'waited_too_long'
  expect(valueOf(switched, 'vllm_chill_switches_total', { reason })).toBe(1)
  expect(valueOf(switched, 'vllm_chill_drains_overdue_total')).toBe(1)
  const drained = 'vllm_chill_drain_duration_seconds_count'
  expect(valueOf(switched, drained, { outcome: 'cut' })).toBe(1)
  expect(valueOf(switched, 'vllm_chill_refusals_total', { code: 'backend_died' })).toBe(1)

  process.kill(program.started().at(-1)?.pid as number, 'SIGKILL')
  await program.waitForLog(says('b was lost'))
  await program.untilBackend(({ state }) => state === 'cold')
  expect(await refusalOf(await ask(program, 'broken'))).toMatchObject({ code: 'model_failed' })
  const failed = await look()
  expect(valueOf(failed, 'vllm_chill_replicas_lost_total')).toBe(1)
  expect(valueOf(failed, 'vllm_chill_start_failures_total', { reason: 'exited' })).toBe(1)
  const up = { direction: 'up', status: 'failure' }
  expect(valueOf(failed, 'vllm_chill_scale_operations_total', up)).toBe(1)

  const leaves = new AbortController()
  const left = ask(program, 'a', {}, { signal: leaves.signal })
  await program.untilBackend((backend) => backend.waiting.length === 1)
  leaves.abort()
  await expect(left).rejects.toThrow()
  await program.models.scribble('mad', 'spec: [')
  await until(async () => valueOf(await look(), 'vllm_chill_manifest_problems') === 1)
  await until(
    async () => valueOf(await look(), 'vllm_chill_client_aborts_total', { reason: 'left' }) === 1,
  )

  expect(await contentOf(await ask(program, 'b'))).toBe('[b] you said: hi')
  await program.waitForLog(enters('ready.quiet', 'b'))
  const from = program.log.all.length
  await program.waitForLog(enters('cold'), from)
  const last = await look()
  const backend = 'vllm'
  const held = valueOf(last, 'vllm_chill_gpu_held_seconds_total', { backend }) ?? 0
  const serving = valueOf(last, 'vllm_chill_gpu_serving_seconds_total', { backend }) ?? 0
  const idle = valueOf(last, 'vllm_chill_gpu_idle_seconds_total', { backend }) ?? 0
  expect(serving).toBeGreaterThan(0.3)
  expect(idle).toBeGreaterThan(1.9)
  expect(held).toBeGreaterThan(serving + idle)

  for (const name of Object.keys(table)) {
    const told = new Set(scrapes.map((text) => familyOf(text, name)))
    expect([name, told.has('[]') && told.size === 1]).toEqual([name, false])
    expect([name, told.size > 1]).toEqual([name, !constant.has(name)])
  }
  expect(valueOf(last, 'vllm_chill_build_info')).toBe(1)
  const names = [...last.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name)
  expect(names).toEqual(Object.keys(table))
  for (const { name, labels } of samplesOf(last)) {
    const family = name.replace(/_(bucket|sum|count)$/, '')
    const definition = (table[name] ?? table[family]) as Definition
    const wanted = [...definition.labels, ...(name.endsWith('_bucket') ? ['le'] : [])]
    expect([name, Object.keys(labels).toSorted()]).toEqual([name, wanted.toSorted()])
  }
  if (hasPromtool) {
    expect(checkMetrics(last)).toBe('')
    const accept = 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2'
    expect(checkOpenMetrics(await scrape(program, '/proxy/metrics', accept))).toBe('')
  }
})

/** A request of which everything is made up; Node's own client lets through what `fetch` would not. */
async function pester(
  program: Program,
  { method, path, body }: { method: string; path: string; body: string },
): Promise<void> {
  await new Promise<void>((resolve) => {
    const sent = request(program.url, { method, path, agent: false }, (answer) => {
      answer.resume().once('close', resolve)
    })
    sent.once('error', () => resolve())
    sent.end(body)
  })
}

test('whatever clients make up, labels keep to a few values', async () => {
  const program = await startProgram({ models: { a: {} } })
  await ask(program, 'a')
  const word = fc.stringMatching(/^[\w%."\\~-]{1,12}$/)
  const known = fc.constantFrom(
    '/v1/chat/completions',
    '/v1/models',
    '/v1/responses',
    '/metrics',
    '/proxy/status',
  )
  const path = fc.oneof(
    known,
    word.map((id) => `/v1/models/${id}`),
    word.map((id) => `/v1/responses/${id}`),
    word.map((id) => `/v1/responses/${id}/cancel`),
    word.map((id) => `/proxy/${id}`),
    fc.array(word, { maxLength: 4 }).map((parts) => `/${parts.join('/')}`),
  )
  const method = fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PROPFIND', 'PURGE', 'LINK')
  const body = fc.oneof(
    fc.string({ maxLength: 20 }),
    word.map((model) => JSON.stringify({ model, messages: [] })),
  )
  const requests = fc.sample(fc.record({ method, path, body }), 400)
  for (let at = 0; at < requests.length; at += 20) {
    await Promise.all(requests.slice(at, at + 20).map((one) => pester(program, one)))
  }
  const text = await scrape(program)
  if (hasPromtool) expect(checkMetrics(text)).toBe('')
  const samples = samplesOf(text)
  const valuesOf = (label: string) =>
    new Set(samples.map(({ labels }) => labels[label]).filter((value) => value !== undefined))

  expect(valueOf(text, 'vllm_chill_requests_total', { path: 'other' })).toBeGreaterThan(0)
  const own = new Set(['other', '/v1/models', '/v1/models/{id}', '/v1/realtime'])
  for (const value of valuesOf('path')) {
    const route = matchRoute(value.replace('{id}', 'x'))?.route.pattern
    expect([value, own.has(value) || route === value]).toEqual([value, true])
  }
  expect(['GET', 'POST', 'PUT', 'DELETE', 'other']).toEqual(
    expect.arrayContaining([...valuesOf('method')]),
  )
  expect(['a']).toEqual(expect.arrayContaining([...valuesOf('model'), ...valuesOf('model_name')]))
  const ends = new Set(['success', 'failure', 'cancelled'])
  const statuses = [...valuesOf('status')].filter((status) => !ends.has(status))
  expect(statuses.filter((status) => !/^[1-5]\d\d$/.test(status))).toEqual([])
  expect(program.started()).toHaveLength(1)
}, 60_000)

test('/metrics has our own metrics, or with --enable-metrics=false those of the backend that is ready', async () => {
  const own = await startProgram()
  expect(await scrape(own, '/metrics')).toContain('# TYPE vllm_chill_requests_total counter')

  const passing = await startProgram({ flags: ['--enable-metrics=false'] })
  expect(samplesOf(await scrape(passing, '/metrics'))).toEqual([])
  expect(passing.started()).toEqual([])
  await ask(passing, 'a')
  const text = await scrape(passing, '/metrics')
  expect(valueOf(text, 'vllm:num_requests_running', { model_name: 'a' })).toBe(0)
  expect(text).not.toContain('vllm_chill')
  expect(samplesOf(await scrape(passing, '/metrics?model=b'))).toEqual([])
  expect(await scrape(passing)).toContain('vllm_chill_requests_total')
})

test('a scrape keeps no model awake, whichever metrics it is answered with', async () => {
  const flags = ['--idle-timeout', '500ms', '--enable-metrics=false']
  const program = await startProgram({ flags })
  await ask(program, 'a')
  await until(async () => {
    await Promise.all(['/metrics', '/proxy/metrics'].map((path) => scrape(program, path)))
    return (await program.backend()).state === 'cold'
  })
})

test('with a port for operators, metrics are there and not where clients are', async () => {
  const program = await startProgram({ flags: ['--operations-port', '0'] })
  const { operationsUrl } = await program.waitForLog(says('listening on'))
  for (const path of ['/metrics', '/proxy/metrics']) {
    expect(await scrape({ url: String(operationsUrl) }, path)).toContain('vllm_chill_leases')
    expect((await fetch(program.url + path)).status).toBe(404)
  }
})
