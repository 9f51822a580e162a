import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  switchPolicies,
  type BackendFact,
  type StartPhase,
  type SwitchPolicyName,
} from '../../../machines/index.ts'
import type { BackendStatus } from '../../../src/operations/index.ts'
import type { RequestRecord } from '../../../src/proxy/index.ts'
import { createMetrics, definitions, type Metrics } from '../../../src/metrics/index.ts'
import { backendStates } from '../../../src/metrics/backend-states.ts'
import { switchReasonOf } from '../../../src/metrics/words.ts'
import { valueOf } from '../../exposition.ts'
import { checkMetrics, checkOpenMetrics, hasPromtool } from '../../promtool.ts'

let now: number
let metrics: Metrics
let state: string
let model: string | undefined
const known = new Map<string, unknown>()

beforeEach(() => {
  now = 1_000
  state = 'cold'
  model = undefined
  known.clear()
  for (const name of ['a', 'b']) known.set(name, {})
  metrics = createMetrics({
    catalogue: { models: known as never, problems: [] },
    gpusOf: () => ({ of: (name) => (name === 'b' ? 2 : 1), always: 2 }),
    version: '1.2.3',
    driver: 'process',
    now: () => now,
  })
  metrics.attach({
    status: () => [
      {
        name: 'gpu0',
        state,
        ...(model !== undefined && { model }),
        generation: 0,
        held: false,
        since: '',
        endpoints: [],
        leases: 0,
        waiting: [],
        blocking: [],
        failures: [],
      } satisfies BackendStatus,
    ],
  })
})

afterEach(() => metrics.close())

function step(to: string, { because = '', target }: { because?: string; target?: string } = {}) {
  const backend = 'gpu0'
  const why = { because, event: '' }
  const step = { backend, from: state, to, model, target, generation: 1, ...why, afterMs: 0 }
  metrics.onTransition(step)
  state = to
}

const fact = (told: Omit<BackendFact, 'backend'> & Record<string, unknown>) =>
  metrics.onFact({ backend: 'gpu0', ...told } as BackendFact)
const phase = (phase: StartPhase) =>
  metrics.onPhase({ backend: 'gpu0', model: model ?? '', phase, elapsedMs: 0 })

function load(name: string): void {
  model = name
  step('creatingResources')
  step('scalingUp')
  phase('process')
  now += 2_000
  phase('loading')
  now += 8_000
  fact({ type: 'ready', model: name, generation: 1, loadMs: 10_000 })
  step('ready.serving')
}

async function value(name: string, labels: Record<string, string> = {}) {
  const { text } = await metrics.scrape(null)
  return valueOf(text, `vllm_chill_${name}`, labels)
}

const record = (more: Partial<RequestRecord> = {}): RequestRecord => ({
  id: 'r',
  method: 'POST',
  route: '/v1/chat/completions',
  model: 'a',
  backend: 'gpu0',
  status: 200,
  code: undefined,
  stream: false,
  waitedMs: 0,
  forwardedMs: 2,
  firstByteMs: 40,
  durationMs: 50,
  bytesIn: 100,
  bytesOut: 200,
  usage: undefined,
  traceId: undefined,
  ...more,
})

describe('a start', () => {
  it('is told by phase, and counted when it is over', async () => {
    load('a')
    expect(await value('cold_start_seconds_sum', { phase: 'process' })).toBe(2)
    expect(await value('cold_start_seconds_sum', { phase: 'loading' })).toBe(8)
    expect(await value('vllm_startup_duration_seconds_sum')).toBe(10)
    const up = { direction: 'up', status: 'success' }
    expect(await value('scale_operations_total', up)).toBe(1)
  })

  it('that was found ready counts as none', async () => {
    model = 'a'
    fact({ type: 'ready', model: 'a', generation: 0, loadMs: 99_000 })
    step('ready.serving')
    expect(await value('vllm_startup_duration_seconds_count')).toBe(0)
  })

  it('that is called off, or fails, is told as such', async () => {
    model = 'a'
    step('creatingResources')
    step('idle.scalingDown')
    const cancelled = { direction: 'up', status: 'cancelled' }
    expect(await value('scale_operations_total', cancelled)).toBe(1)
    step('cold')
    step('creatingResources')
    fact({ type: 'start failed', failure: { reason: 'out_of_memory' } })
    step('idle.scalingDown')
    const failure = { direction: 'up', status: 'failure' }
    expect(await value('scale_operations_total', failure)).toBe(1)
    expect(await value('scale_operations_total', cancelled)).toBe(1)
    expect(await value('start_failures_total', { reason: 'out_of_memory' })).toBe(1)
  })

  it('has its first token from the first who waited for it, and from nobody else', async () => {
    load('a')
    now += 300
    const waited = { waitedMs: 9_000, forwardedMs: 9_010, firstByteMs: 9_210, durationMs: 9_300 }
    metrics.onRequest(record())
    metrics.onRequest(record(waited))
    metrics.onRequest(record(waited))
    expect(await value('cold_start_seconds_count', { phase: 'first_token' })).toBe(1)
    expect(await value('cold_start_seconds_sum', { phase: 'first_token' })).toBeCloseTo(0.2)
  })

  it('leaves a later wait for a place alone', async () => {
    load('a')
    now += 60_000
    metrics.onRequest(record({ waitedMs: 500, forwardedMs: 501, firstByteMs: 600 }))
    expect(await value('cold_start_seconds_count', { phase: 'first_token' })).toBe(0)
  })
})

describe('a switch', () => {
  const because = 'b: somebody has waited maxWait for it'

  it('is one from closing the one model until the other is ready', async () => {
    load('a')
    step('switchingModel.draining', { because, target: 'b' })
    now += 3_000
    step('switchingModel.unloading', { because, target: 'b' })
    now += 1_000
    load('b')
    const models = { from_model: 'a', to_model: 'b' }
    expect(await value('model_switches_total', { ...models, status: 'success' })).toBe(1)
    expect(await value('model_switch_duration_seconds_sum', models)).toBe(14)
    expect(await value('switches_total', { reason: 'waited_too_long' })).toBe(1)
    expect(await value('drain_duration_seconds_sum', { outcome: 'done' })).toBe(3)
    expect(await value('vllm_shutdown_duration_seconds_sum')).toBe(1)
  })

  it('whose drain cut streams, for somebody who waited or at the deadline, says so', async () => {
    load('a')
    step('switchingModel.draining', { because, target: 'b' })
    fact({ type: 'preempted', model: 'a', target: 'b' })
    step('switchingModel.unloading', { because, target: 'b' })
    load('b')
    step('switchingModel.draining', { because, target: 'a' })
    fact({ type: 'drain overdue', model: 'b', cut: true })
    step('switchingModel.unloading', { because, target: 'a' })
    expect(await value('drain_duration_seconds_count', { outcome: 'preempted' })).toBe(1)
    expect(await value('drain_duration_seconds_count', { outcome: 'cut' })).toBe(1)
    expect(await value('drain_duration_seconds_count', { outcome: 'done' })).toBe(0)
    expect(await value('drains_overdue_total')).toBe(1)
  })

  it('that loses its reason is cancelled, and its drain called off', async () => {
    load('a')
    step('switchingModel.draining', { because, target: 'b' })
    step('ready.serving')
    const models = { from_model: 'a', to_model: 'b' }
    expect(await value('model_switches_total', { ...models, status: 'cancelled' })).toBe(1)
    expect(await value('drain_duration_seconds_count', { outcome: 'called_off' })).toBe(1)
    expect(await value('scale_operations_total', { direction: 'down' })).toBe(0)
  })

  it('fails with the start of the other model, once', async () => {
    load('a')
    step('switchingModel.unloading', { because, target: 'b' })
    model = 'b'
    step('creatingResources')
    fact({ type: 'start failed', failure: { reason: 'exited' } })
    step('idle.scalingDown')
    step('cold')
    const models = { from_model: 'a', to_model: 'b' }
    expect(await value('model_switches_total', { ...models, status: 'failure' })).toBe(1)
    expect(await value('model_switches_total', { ...models, status: 'cancelled' })).toBeUndefined()
  })

  it('has a reason for each why of the charts', () => {
    const ask = (policy: SwitchPolicyName, leases: number, now: number) => {
      const answer = switchPolicies[policy]({
        now,
        loaded: 'a',
        leases,
        waiting: [{ model: 'b', count: 1, oldestAt: 0, weight: 1, meanAt: 0, owed: 0 }],
        residentSince: 0,
        costs: { a: 100, b: 100 },
        priorities: {},
        settings: {
          maxWaitMs: 1_000,
          minResidencyMs: 0,
          maxResidencyMs: 60_000,
          loadingWeight: 1,
          pinned: [],
        },
      })
      return answer.decision === 'switch' ? switchReasonOf(`b: ${answer.why}`) : answer.decision
    }
    const told = (policy: SwitchPolicyName) =>
      [ask(policy, 0, 0), ask(policy, 1, 500), ask(policy, 1, 2_000)].join(' ')
    expect(Object.keys(switchPolicies)).toEqual(['fair', 'patient', 'fifo', 'sticky'])
    expect(told('fair')).toBe('demand waiting_costs_more waiting_costs_more')
    expect(told('patient')).toBe('demand stay waited_too_long')
    expect(told('fifo')).toBe('demand order_of_arrival order_of_arrival')
    expect(told('sticky')).toBe('demand stay stay')
    expect(switchReasonOf('b: an operator asked for it')).toBe('operator')
    expect(switchReasonOf('b: its manifest changed')).toBe('manifest_changed')
    expect(switchReasonOf('its manifest changed while it was loading')).toBe('manifest_changed')
    expect(switchReasonOf('a replica was lost: an operator asked for it')).toBe('replica_lost')
    expect(switchReasonOf('whatever else')).toBe('other')
  })
})

describe('GPU time', () => {
  it('is held from the process to the end of it, and saved at rest, for all GPUs of the backend', async () => {
    now += 10_000
    model = 'a'
    step('creatingResources')
    now += 1_000
    step('scalingUp')
    now += 1_000
    phase('process')
    now += 5_000
    fact({ type: 'ready', model: 'a', generation: 1, loadMs: 7_000 })
    step('ready.serving')
    now += 4_000
    step('ready.quiet')
    now += 3_000
    const read = async () => [
      await value('gpu_held_seconds_total'),
      await value('gpu_serving_seconds_total'),
      await value('gpu_idle_seconds_total'),
      await value('gpu_saved_seconds_total'),
    ]
    expect(await read()).toEqual([12, 4, 3, 36])
    step('idle.scalingDown')
    now += 2_000
    model = undefined
    step('cold')
    now += 100_000
    expect(await read()).toEqual([14, 4, 3, 238])
  })

  it('of a model with two GPUs is held twice', async () => {
    load('b')
    now += 5_000
    expect(await value('gpu_held_seconds_total')).toBe(30)
    expect(await value('gpu_serving_seconds_total')).toBe(10)
  })

  it('of what was found ready counts from the start of the program', async () => {
    state = 'ready.quiet'
    model = 'a'
    now += 5_000
    expect(await value('gpu_idle_seconds_total')).toBe(5)
  })
})

describe('the exposition', () => {
  it('forgets the gauges of a model that is gone', async () => {
    expect(await value('waiting_requests', { model: 'b' })).toBe(0)
    known.delete('b')
    expect(await value('waiting_requests', { model: 'b' })).toBeUndefined()
    expect(await value('waiting_requests', { model: 'a' })).toBe(0)
  })

  it('knows every state of the chart', () => {
    expect(backendStates).toContain('switchingModel.draining')
    expect(backendStates).toContain('ready.quiet')
    expect(backendStates).toContain('cold')
    expect(backendStates).not.toContain('ready')
  })

  it('bounds methods and statuses that somebody makes up', async () => {
    metrics.onRequest(record({ method: 'MKCALENDAR', status: 999 }))
    const labels = { method: 'other', status: 'other', path: '/v1/chat/completions' }
    expect(await value('requests_total', labels)).toBe(1)
  })

  it.each([
    [record(), 'admitted'],
    [record({ backend: undefined, code: 'queue_full', status: 429 }), 'refused'],
    [record({ backend: undefined, code: 'client_left', status: 499 }), 'left'],
  ])('tells how the wait ended: %#', async (told, outcome) => {
    metrics.onRequest(told)
    expect(await value('admission_wait_seconds_count', { outcome })).toBe(1)
  })

  it.skipIf(!hasPromtool)('is valid in both formats, whatever a model is called', async () => {
    known.set('we "quote" \\ and\nbreak', {})
    load('we "quote" \\ and\nbreak')
    metrics.onRequest(record())
    expect(checkMetrics((await metrics.scrape(null)).text)).toBe('')
    const { contentType, text } = await metrics.scrape('application/openmetrics-text')
    expect(contentType).toContain('application/openmetrics-text')
    expect(text.endsWith('# EOF\n')).toBe(true)
    expect(checkOpenMetrics(text)).toBe('')
  })

  it('has the names of the original', () => {
    const theirs = Object.entries(definitions).filter(([, one]) => 'original' in one)
    expect(theirs.map(([name]) => name.replace('vllm_chill_', '')).toSorted()).toEqual(
      [
        'requests_total',
        'request_duration_seconds',
        'request_payload_bytes',
        'response_payload_bytes',
        'model_switches_total',
        'model_switch_duration_seconds',
        'scale_operations_total',
        'scale_operation_duration_seconds',
        'current_replicas',
        'idle_time_seconds',
        'current_model',
        'proxy_latency_seconds',
        'vllm_startup_duration_seconds',
        'vllm_shutdown_duration_seconds',
        'vllm_state',
      ].toSorted(),
    )
  })
})
