import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { fairPolicy, patientPolicy, type SwitchPolicy } from '../../../machines/index.ts'
import { AutomaticRun, type Durations, type RunOptions } from './automatic-world.ts'

const runs = Math.ceil(Number(process.env['PROPERTY_RUNS'] ?? 1_000) / 5)
const usual: Durations = { loadMs: 40_000, unloadMs: 5_000, requestMs: 8_000 }

interface PoolRun extends Partial<RunOptions> {
  readonly gpus?: number
  /** GPUs that each backend needs; one backend for each, which serves one model. */
  readonly needs?: readonly number[]
}

const letters = ['a', 'b', 'c', 'd']

/** Backends gpu0, gpu1, … that serve a, b, …, and share GPUs. */
function poolRun({ gpus = 2, needs = [1, 1, 1], ...options }: PoolRun = {}): AutomaticRun {
  const devices = Array.from({ length: gpus }, (_, at) => String(at))
  return new AutomaticRun({
    models: letters.slice(0, needs.length),
    durations: usual,
    policy: patientPolicy,
    backends: needs.map((each, at) => ({
      name: `gpu${at}`,
      models: [letters[at]!],
      pool: { name: 'main', gpus: each },
    })),
    pools: [{ name: 'main', gpus, devices }],
    ...options,
    settings: { idleTimeoutMs: 300_000, ...options.settings },
  })
}

/** One whose world must be sound at the end, whatever the test was about. */
function newRun(options?: PoolRun): AutomaticRun {
  const run = poolRun(options)
  onTestFinished(() => expect(run.world.violations).toEqual([]))
  return run
}

const stateOf = (run: AutomaticRun, backend: string) =>
  run.admission.status().find(({ name }) => name === backend)?.state

/** Asks for the model without a pause. */
function hammer(run: AutomaticRun, model: string, clients: number, ms = usual.requestMs): void {
  const again = () => void run.send(model, ms, again)
  for (let client = 0; client < clients; client++) {
    run.send(model, (ms * (client + 1)) / clients, again)
  }
}

describe('backends that share GPUs', () => {
  it('start side by side while there are enough, each on a device of its own', async () => {
    const run = newRun()
    const both = [run.send('a', 1_000), run.send('b', 1_000)]
    await run.clock.pass(usual.loadMs + 1)
    expect(both.map(({ waitedMs }) => waitedMs)).toEqual([usual.loadMs, usual.loadMs])
    expect([...run.world.devices]).toEqual([
      ['gpu0', ['0']],
      ['gpu1', ['1']],
    ])
  })

  it('make room by the least recently used that nobody uses', async () => {
    const run = newRun()
    run.send('b', 1_000)
    run.send('a', 1_000)
    await run.clock.pass(usual.loadMs + 2_000)
    run.send('b', 1_000)
    await run.clock.pass(2_000)
    const third = run.send('c', 1_000)
    await run.clock.pass(usual.unloadMs + usual.loadMs + 1_001)
    expect(third.waitedMs).toBe(usual.unloadMs + usual.loadMs)
    expect(stateOf(run, 'gpu0')).toBe('cold')
    expect(stateOf(run, 'gpu1')).toBe('ready.quiet')
    expect(run.world.devices.get('gpu2')).toEqual(['0'])
    const gone = run.transitions.find(
      ({ backend, to }) => backend === 'gpu0' && to === 'idle.draining',
    )
    expect(gone?.because).toMatch(/^room for c on gpu2: /)
  })

  it('are drained once somebody has waited maxWait, one of them and no more, when all are busy', async () => {
    const run = newRun()
    hammer(run, 'a', 3)
    hammer(run, 'b', 3)
    await run.clock.pass(usual.loadMs + usual.requestMs)
    const rare = run.send('c', 1_000)
    await run.clock.pass(60_000 - 1)
    expect(run.world.began.map(({ model }) => model.name)).toEqual(['a', 'b'])
    await run.clock.pass(usual.requestMs + usual.unloadMs + usual.loadMs + 1_000)
    expect(rare.waitedMs).toBeLessThanOrEqual(
      60_000 + usual.requestMs + usual.unloadMs + usual.loadMs,
    )
    const drained = run.transitions.filter(
      ({ to, backend }) => to === 'idle.draining' && backend !== 'gpu2',
    )
    expect(drained).toHaveLength(1)
  })

  it('leave what is pinned, and say what a backend waits for', async () => {
    const pinned = { settings: { pinned: ['a'] } }
    const refusing = newRun({ gpus: 1, needs: [1, 1], ...pinned })
    refusing.send('a', 1_000)
    await refusing.clock.pass(usual.loadMs + 2_000)
    const refused = refusing.send('b', 1_000)
    await refusing.clock.pass(1)
    expect(refused.error).toMatchObject({ code: 'model_pinned' })
    expect(String(refused.error)).toContain('a')

    const run = newRun({ gpus: 1, needs: [1, 1], ...pinned, whenPinned: 'wait' })
    run.send('a', 1_000)
    await run.clock.pass(usual.loadMs + 2_000)
    const second = run.send('b', 1_000)
    await run.clock.pass(100_000)
    expect(second.outcome).toBe('waiting')
    expect(stateOf(run, 'gpu0')).toBe('ready.quiet')
    expect(run.admission.status()[1]?.progress).toMatchObject({
      phase: 'gpus',
      elapsedMs: 100_000,
      detail: 'waiting for 1 GPU of pool main: gpu0 (pinned)',
    })
    // Its own idle timeout frees it.
    await run.clock.pass(300_000)
    expect(second.outcome).toBe('done')
  })

  it('are not waited for any more, nor by an operator’s start, once what holds them is pinned', async () => {
    const run = newRun({ gpus: 1, needs: [1, 1] })
    const long = run.send('a', 100_000)
    await run.clock.pass(usual.loadMs + 1)
    const second = run.send('b', 1_000)
    await run.clock.pass(1_000)
    expect(second.outcome).toBe('waiting')
    run.admission.pin({ model: 'a', pinned: true })
    await run.clock.pass(1)
    expect(second.error).toMatchObject({ code: 'model_pinned' })
    expect(String(second.error)).toContain('a is pinned')
    expect(() => run.admission.switchTo('b')).toThrow(/a is pinned/)
    run.admission.pin({ model: 'a', pinned: false })
    run.admission.switchTo('b')
    await run.clock.pass(100_000 + usual.unloadMs)
    expect(long.outcome).toBe('done')
    expect(stateOf(run, 'gpu1')).toBe('scalingUp')
  })

  it('all come up in turn when several wake at once, the big one too', async () => {
    const run = newRun({ gpus: 2, needs: [1, 1, 2, 2] })
    const all = ['c', 'a', 'd', 'b'].map((model) => run.send(model, 1_000))
    await run.clock.pass(4 * (usual.loadMs + usual.unloadMs + 1_000))
    expect(all.map(({ outcome }) => outcome)).toEqual(['done', 'done', 'done', 'done'])
  })

  it('wait no longer for room when whoever asked has left', async () => {
    const run = newRun({ gpus: 1, needs: [1, 1] })
    const long = run.send('a', 500_000)
    await run.clock.pass(usual.loadMs + 1)
    const { admission, clock } = run
    const gone = new AbortController()
    const request = { id: 'x', model: 'b', path: '/v1', bytes: 0, arrivedAt: clock.now() }
    const asked = admission.acquire(request, gone.signal).catch(() => 'left')
    await clock.pass(61_000)
    expect(stateOf(run, 'gpu0')).toBe('idle.draining')
    gone.abort()
    expect(await asked).toBe('left')
    await clock.pass(1)
    expect(stateOf(run, 'gpu0')).toBe('ready.serving')
    expect(long.outcome).toBe('leased')
  })

  it('cut what holds that up after preemptAfter, where the settings say so', async () => {
    const run = newRun({ gpus: 1, needs: [1, 1], settings: { preemptAfterMs: 30_000 } })
    run.send('a', 500_000)
    await run.clock.pass(usual.loadMs + 1)
    run.send('b', 1_000)
    await run.clock.pass(60_000 + 29_000)
    expect(run.preempted).toEqual([])
    await run.clock.pass(2_000)
    expect(run.preempted).toEqual(['a for b'])
  })

  it('are drained at once for what an operator asks', async () => {
    const run = newRun({ gpus: 1, needs: [1, 1] })
    hammer(run, 'a', 2)
    await run.clock.pass(usual.loadMs + 1)
    run.admission.start({ model: 'b' })
    await run.clock.pass(usual.requestMs + usual.unloadMs + usual.loadMs + 10)
    expect(run.admission.status()[1]).toMatchObject({ model: 'b' })
  })

  it('take GPUs of a failed start only once everything of it is gone', async () => {
    const run = newRun({ gpus: 1, needs: [1, 1], broken: ['a'] })
    const [broken, sound] = [run.send('a', 1_000), run.send('b', 1_000)]
    await run.clock.pass(2 * usual.loadMs + usual.unloadMs + 2_000)
    expect(broken.outcome).toBe('refused')
    expect(sound.waitedMs).toBe(2 * usual.loadMs + usual.unloadMs)
  })
})

describe('a model that is kept warm', () => {
  it('comes up where GPUs are free, and takes none of another that nobody uses', async () => {
    const run = newRun({ gpus: 1, needs: [1, 1] })
    run.send('a', 1_000)
    await run.clock.pass(usual.loadMs + 2_000)
    const warm = { id: 'b', model: 'b', backend: 'gpu1', because: 'kept warm' }
    run.admission.keepWarm([warm])
    await run.clock.pass(60_000)
    expect(stateOf(run, 'gpu0')).toBe('ready.quiet')
    expect(stateOf(run, 'gpu1')).toBe('cold')
    run.admission.stop({ backend: 'gpu0' })
    await run.clock.pass(usual.unloadMs + usual.loadMs + 2_000)
    expect(stateOf(run, 'gpu1')).toBe('ready.quiet')
  })
})

describe('a model that one backend cannot keep up with', () => {
  const twoThatMay = (gpus = 2): PoolRun => ({
    gpus,
    needs: [1, 1],
    backends: ['gpu0', 'gpu1'].map((name) => ({
      name,
      models: undefined,
      pool: { name: 'main', gpus: 1 },
    })),
  })

  it('comes up on a second one once waiting has cost as much as the load, is spread, and goes idle again', async () => {
    const run = newRun(twoThatMay())
    await run.clock.pass(1)
    const many = Array.from({ length: 14 }, () => run.send('a', 30_000))
    await run.clock.pass(usual.loadMs + 1)
    expect(stateOf(run, 'gpu1')).toBe('cold')
    await run.clock.pass(usual.loadMs)
    expect(run.world.began.map(({ backend, model }) => [backend, model.name])).toEqual([
      ['gpu0', 'a'],
      ['gpu1', 'a'],
    ])
    await run.clock.pass(150_000)
    expect(many.every(({ outcome }) => outcome === 'done')).toBe(true)
    // Seven rounds of two on one alone.
    expect(Math.max(...many.map(({ waitedMs }) => waitedMs!))).toBeLessThan(
      usual.loadMs + 6 * 30_000,
    )
    await run.clock.pass(600_000)
    expect(stateOf(run, 'gpu1')).toBe('cold')
  })

  it('never takes GPUs of another for that', async () => {
    const run = newRun({
      ...twoThatMay(),
      backends: [
        { name: 'gpu0', models: ['a'], pool: { name: 'main', gpus: 1 } },
        { name: 'gpu1', models: ['b'], pool: { name: 'main', gpus: 1 } },
        { name: 'gpu2', models: ['a'], pool: { name: 'main', gpus: 1 } },
      ],
    })
    await run.clock.pass(1)
    run.send('b', 1_000)
    hammer(run, 'a', 12)
    await run.clock.pass(250_000)
    expect(stateOf(run, 'gpu1')).toBe('ready.quiet')
    expect(stateOf(run, 'gpu2')).toBe('cold')
  })
})

describe('a request that could be served without GPUs of a pool', () => {
  const besides = (): PoolRun => ({
    models: ['a', 'b', 'c'],
    backends: [
      { name: 'gpu0', models: ['a'], pool: { name: 'main', gpus: 1 } },
      { name: 'gpu1', models: ['c'], pool: { name: 'main', gpus: 1 } },
      { name: 'own', models: ['b', 'c'] },
    ],
    gpus: 1,
  })

  it('goes to the backend that is free, not to the one that is to keep the model warm once it has GPUs', async () => {
    const run = newRun(besides())
    const a = run.send('a', 200_000)
    await run.clock.pass(usual.loadMs + 1)
    run.admission.keepWarm([{ id: '1', model: 'c', backend: 'gpu1', because: 'kept warm' }])
    await run.clock.pass(1)
    const c = run.send('c', 1_000)
    await run.clock.pass(usual.loadMs + 2_000)
    expect(a.outcome).toBe('leased')
    expect(c).toMatchObject({ outcome: 'done', waitedMs: usual.loadMs })
  })

  it('goes there also from the line for GPUs, once that has become free', async () => {
    const run = newRun(besides())
    const a = run.send('a', 600_000)
    const b = run.send('b', 5_000)
    const busy = Array.from({ length: 60 }, () => run.send('b', 1_000))
    const c = run.send('c', 1_000)
    await run.clock.pass(1)
    expect(run.admission.status()[1]?.waiting).toMatchObject([{ model: 'c' }])
    await run.clock.pass(usual.loadMs + 100_000)
    expect([...busy, b].every(({ outcome }) => outcome === 'done')).toBe(true)
    expect(a.outcome).toBe('leased')
    expect(c.outcome).toBe('done')
  })
})

const settings = fc.record({
  gpus: fc.integer({ min: 1, max: 3 }),
  needs: fc.array(fc.integer({ min: 1, max: 2 }), { minLength: 2, maxLength: 4 }),
  durations: fc.record({
    loadMs: fc.integer({ min: 1, max: 60_000 }),
    unloadMs: fc.integer({ min: 1, max: 10_000 }),
    requestMs: fc.integer({ min: 1, max: 20_000 }),
  }),
  maxWaitMs: fc.constantFrom(1_000, 10_000, 60_000),
  maxInFlight: fc.integer({ min: 1, max: 3 }),
  maxHeldPerModel: fc.integer({ min: 1, max: 8 }),
})

const clients = fc.array(
  fc.record({
    model: fc.nat(3),
    lengths: fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), {
      minLength: 1,
      maxLength: 4,
    }),
    pauseMs: fc.constantFrom(0, 0, 10, 3_000, 90_000),
    beginMs: fc.integer({ min: 0, max: 100_000 }),
    requests: fc.integer({ min: 1, max: 12 }),
  }),
  { minLength: 2, maxLength: 10 },
)

describe('the wait for GPUs of a pool', () => {
  it.each<[string, SwitchPolicy]>([
    ['patient', patientPolicy],
    ['fair', fairPolicy],
  ])(
    'is bounded under the policy %s, whoever asks for what',
    async (_, policy) => {
      await fc.assert(
        fc.asyncProperty(settings, clients, async (setting, asking) => {
          const { durations, maxWaitMs, maxInFlight, maxHeldPerModel, gpus } = setting
          const needs = setting.needs.map((each) => Math.min(each, gpus))
          const run = poolRun({ ...setting, needs, policy, settings: { maxWaitMs } })
          for (const { model, lengths, pauseMs, beginMs, requests } of asking) {
            let left = requests
            const ask = () => {
              if (left-- <= 0) return
              const length = lengths[left % lengths.length]!
              run.send(letters[model % needs.length]!, durations.requestMs * length, () => {
                run.clock.setTimeout(ask, pauseMs)
              })
            }
            run.clock.setTimeout(ask, beginMs)
          }
          const { loadMs, unloadMs, requestMs } = durations
          const servingMs = Math.ceil(maxHeldPerModel / maxInFlight) * requestMs
          const turnMs = unloadMs + loadMs + servingMs + requestMs
          const bound = maxWaitMs + (needs.length + 1) * turnMs + Math.max(0, servingMs - maxWaitMs)
          for (let round = 0; round < 200; round++) {
            await run.clock.pass(30_000)
            const isOver = run.served.every(({ outcome }) => outcome !== 'waiting')
            if (isOver && round > 10) break
          }
          for (const each of run.served) {
            if (each.outcome === 'refused') continue
            expect(each.waitedMs, each.model).toBeLessThanOrEqual(bound)
          }
          expect(run.world.violations).toEqual([])
        }),
        { numRuns: runs },
      )
    },
    600_000,
  )
})
