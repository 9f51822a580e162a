import { describe, expect, it } from 'vitest'
import {
  defaultBackendSettings,
  patientPolicy,
  type BackendDefinition,
  type PoolDefinition,
  type SwitchPolicy,
} from '../../../machines/index.ts'
import {
  createAdmission,
  type AdmissionOptions,
  type AdmissionSettings,
  type Lease,
} from '../../../src/admission/index.ts'
import { ChillError } from '../../../src/errors/index.ts'
import { SimulatedCatalogue } from './simulated-catalogue.ts'
import { settled, SimulatedClock } from './simulated-clock.ts'
import { SimulatedWorld } from './simulated-world.ts'

const settings: AdmissionSettings = {
  hold: true,
  maxHeldPerModel: 3,
  maxHeld: 4,
  maxHeldBytes: 1_000,
  waitDeadlineMs: undefined,
  drainDeadlineMs: 60_000,
  maxWaitMs: 60_000,
  whenPinned: 'refuse',
}

/** After it a backend that nobody uses counts as quiet. */
const lullMs = 20

async function fleetOf(
  options: Partial<AdmissionSettings> & {
    models?: string[]
    backends?: Partial<BackendDefinition>[]
    pools?: PoolDefinition[]
    listeners?: Pick<AdmissionOptions, 'policy' | 'onFact' | 'onTransition'>
  } = {},
) {
  const clock = new SimulatedClock()
  const world = new SimulatedWorld()
  const catalogue = new SimulatedCatalogue(options.models ?? ['a', 'b'])
  const told: string[] = []
  const tell = (_: object, message: string) => void told.push(message)
  const fleet = createAdmission({
    driver: world,
    catalogue,
    clock,
    log: { debug() {}, info: tell, warn: tell, error: tell },
    settings: { ...settings, ...options },
    ...options.listeners,
    ...(options.pools && { pools: options.pools }),
    backends: (options.backends ?? [{}]).map((each, i) => {
      const plain = { name: `gpu${i}`, models: undefined, settings: defaultBackendSettings }
      return Object.assign(plain, each)
    }),
  })
  await settled()
  let requests = 0
  const ask = (model: string, { bytes = 1, signal = new AbortController().signal } = {}) =>
    fleet.acquire(
      { id: `r${++requests}`, model, path: '/v1/completions', bytes, arrivedAt: clock.now() },
      signal,
    )
  return { clock, world, catalogue, fleet, ask, told }
}

async function refusal(asked: Promise<Lease>): Promise<ChillError> {
  const error = await asked.then(
    () => 'admitted',
    (error: unknown) => error,
  )
  if (!(error instanceof ChillError)) throw new Error(`not refused: ${String(error)}`)
  return error
}

describe('admission', () => {
  it('holds a request until the model is ready, and says how long that took', async () => {
    const { ask, world, clock } = await fleetOf()
    const asked = ask('a')
    await clock.pass(5_000)
    world.finishStart('gpu0')
    const lease = await asked
    expect(lease.waitedMs).toBe(5_000)
    expect(lease.endpoint.url).toBe('http://p1')
  })

  it('admits at once when the model is warm', async () => {
    const { ask, world, fleet } = await fleetOf()
    const asked = ask('a')
    await settled()
    world.finishStart('gpu0')
    await asked
    const request = { id: 'x', model: 'a', path: '/', bytes: 0, arrivedAt: fleet.now() }
    expect(fleet.tryAcquire(request)?.waitedMs).toBe(0)
    expect(world.began).toHaveLength(1)
  })

  it('refuses more waiting requests of one model, in all, and in bytes than the settings allow', async () => {
    const { ask, fleet } = await fleetOf()
    const held = [ask('a'), ask('a'), ask('a')]
    expect(await refusal(ask('a'))).toMatchObject({ code: 'queue_full', status: 429 })
    held.push(ask('b', { bytes: 990 }))
    const full = await refusal(ask('b'))
    expect(full.message).toContain('maxHeld')
    expect(full.retryAfterS).toBeGreaterThan(0)
    expect(fleet.counts()).toEqual({ leases: 0, waiting: 4, waitingBytes: 993 })
    const bytes = await fleetOf({ maxHeldBytes: 10 })
    expect((await refusal(bytes.ask('a', { bytes: 11 }))).message).toContain('maxHeldBytes')
    for (const each of held) each.catch(() => {})
  })

  it('answers model_loading at the wait deadline, with an estimate from measured starts', async () => {
    const { ask, world, clock } = await fleetOf({ waitDeadlineMs: 30_000 })
    const first = ask('a')
    await clock.pass(20_000)
    world.finishStart('gpu0')
    ;(await first).release()
    await clock.pass(40_000)
    world.finishStop('gpu0')
    const second = ask('a')
    const refused = refusal(second)
    await clock.pass(30_000)
    expect(await refused).toMatchObject({ code: 'model_loading', retryAfterS: 1 })
  })

  it('knows what is loaded, also while there is no room and while the engine is asked whether it is quiet', async () => {
    const { ask, world, clock, fleet } = await fleetOf()
    expect(fleet.isLoaded('a')).toBe(false)
    const asked = ask('a')
    await settled()
    expect(fleet.isLoaded('a')).toBe(false)
    world.finishStart('gpu0')
    const leases = [await asked, await ask('a')]
    expect(fleet.isLoaded('a')).toBe(true)
    expect(fleet.isLoaded('b')).toBe(false)
    for (const lease of leases) lease.release()
    const answer = Promise.withResolvers<undefined>()
    world.engineLoad = () => answer.promise
    await clock.pass(lullMs + 30_000)
    expect(fleet.status()[0]?.state).toBe('idle.rechecking')
    expect(fleet.isLoaded('a')).toBe(true)
    answer.resolve(undefined)
    await settled()
    expect(fleet.isLoaded('a')).toBe(false)
  })

  it('leaves the gate when its client leaves', async () => {
    const { ask, fleet } = await fleetOf()
    const abort = new AbortController()
    const asked = ask('a', { signal: abort.signal })
    await settled()
    abort.abort(new Error('the client left'))
    await expect(asked).rejects.toThrow('the client left')
    expect(fleet.counts().waiting).toBe(0)
  })

  it('does not begin a wait for a client that has left already', async () => {
    const { ask, world } = await fleetOf()
    await expect(ask('a', { signal: AbortSignal.abort(new Error('gone')) })).rejects.toThrow('gone')
    await settled()
    expect(world.began).toHaveLength(0)
  })

  it('with holding off answers model_loading at once, and the load still starts and is kept', async () => {
    const { ask, world, fleet } = await fleetOf({ hold: false })
    expect(await refusal(ask('a'))).toMatchObject({ code: 'model_loading' })
    expect(await refusal(ask('a'))).toMatchObject({ code: 'model_loading' })
    expect(world.began).toHaveLength(1)
    world.finishStart('gpu0')
    await settled()
    expect(fleet.status()[0]).toMatchObject({ state: 'ready.quiet', model: 'a', leases: 0 })
    expect((await ask('a')).endpoint.incarnation).toBe('p1')
  })

  it('with holding off says that there is no room where the model is loaded, and takes nobody’s place', async () => {
    const { ask, fleet, world, clock } = await fleetOf({ hold: false })
    await refusal(ask('a'))
    await settled()
    world.finishStart('gpu0')
    await settled()
    const leases = [await ask('a'), await ask('a')]
    expect(await refusal(ask('a'))).toMatchObject({
      code: 'queue_full',
      retryAfterS: 1,
      message: expect.stringContaining('maxInFlight') as unknown,
    })
    leases[0]?.release()
    const request = { id: 'x', model: 'a', path: '/', bytes: 0, arrivedAt: clock.now() }
    expect(fleet.tryAcquire(request)).toBeDefined()
  })

  it('tells all waiters the reason of a failed start, and refuses the model until the pause is over', async () => {
    const { ask, world, clock } = await fleetOf()
    const [first, second] = [refusal(ask('a')), refusal(ask('a'))]
    await settled()
    world.failStart('gpu0')
    for (const each of [await first, await second]) {
      expect(each).toMatchObject({ code: 'model_failed', status: 503, shouldRetry: false })
      expect(each.message).toContain('exited with code 3')
      expect(each.message).toContain('boom')
    }
    expect(await refusal(ask('a'))).toMatchObject({ code: 'model_failed', retryAfterS: 1 })
    world.finishStop('gpu0')
    await clock.pass(1_000)
    expect(world.began).toHaveLength(1)
    void ask('a').catch(() => {})
    await settled()
    expect(world.began).toHaveLength(2)
  })

  it('moves those who wait to another backend when theirs fails', async () => {
    const { ask, world } = await fleetOf({ backends: [{}, {}] })
    const asked = ask('a')
    await settled()
    world.failStart('gpu0')
    await settled()
    world.finishStart('gpu1')
    expect((await asked).backend).toBe('gpu1')
  })

  it('moves those who wait at a busy backend to one that has become free', async () => {
    const { ask, world, clock } = await fleetOf({
      backends: [{}, { models: ['b', 'c'] }],
      models: ['a', 'b', 'c'],
      listeners: { policy: patientPolicy },
    })
    const a = ask('a')
    const c = ask('c')
    await settled()
    world.finishStart('gpu0')
    world.finishStart('gpu1')
    await a
    const leaseOfC = await c
    const b = ask('b')
    leaseOfC.release()
    await clock.pass(lullMs)
    world.finishStop('gpu1')
    await settled()
    world.finishStart('gpu1')
    expect((await b).backend).toBe('gpu1')
  })

  it('says that an operator stopped it, also where it was making room already', async () => {
    const pool = { name: 'main', gpus: 1 }
    const { ask, fleet, world } = await fleetOf({
      backends: [{ pool }, { pool }],
      pools: [{ name: 'main', gpus: 1, devices: ['0'] }],
    })
    const b = ask('b')
    void ask('a')
    await settled()
    world.finishStart('gpu0')
    await b
    await settled()
    expect(fleet.status()[0]).toMatchObject({
      state: 'idle.draining',
      because: expect.stringMatching(/^room for a on gpu1/) as string,
    })
    fleet.stop({ backend: 'gpu0', hold: true })
    await settled()
    expect(fleet.status()[0]).toMatchObject({ held: true, because: 'an operator stopped it' })
  })

  it('refuses a model that no backend may serve, and says what to do', async () => {
    const { ask } = await fleetOf({ backends: [{ models: ['b'] }] })
    expect((await refusal(ask('a'))).message).toContain('no backend may serve it')
  })

  it('refuses those who wait for a model that is removed', async () => {
    const { ask, catalogue } = await fleetOf()
    const asked = refusal(ask('a'))
    catalogue.remove('a')
    expect(await asked).toMatchObject({ code: 'model_not_found' })
    expect(await refusal(ask('a'))).toMatchObject({ code: 'model_not_found' })
  })

  it('refuses at once while an operator holds the backend down, and serves again after a start', async () => {
    const { ask, fleet, world } = await fleetOf()
    const asked = refusal(ask('a'))
    await settled()
    fleet.stop({ hold: true })
    expect(await asked).toMatchObject({ code: 'backend_held' })
    expect(await refusal(ask('a'))).toMatchObject({ code: 'backend_held' })
    world.finishStop('gpu0')
    await settled()
    fleet.start({})
    const again = ask('a')
    await settled()
    // The abandoned start answers late, and changes nothing.
    world.finishStart('gpu0')
    await settled()
    expect(fleet.status()[0]?.state).toBe('scalingUp')
    world.finishStart('gpu0')
    expect((await again).endpoint.incarnation).toBe('p2')
  })

  it('stops only the backends that have a model, when an operator names one', async () => {
    const { ask, fleet, world, clock } = await fleetOf({ backends: [{}, {}] })
    const [a, b] = [ask('a'), ask('b')]
    await settled()
    world.finishStart('gpu0')
    world.finishStart('gpu1')
    ;(await a).release()
    ;(await b).release()
    fleet.stop({ model: 'b' })
    await clock.pass(lullMs)
    expect(fleet.status().map(({ state }) => state)).toEqual(['ready.quiet', 'idle.scalingDown'])
  })

  it('refuses commands about unknown models and backends, and backends that may not', async () => {
    const { fleet } = await fleetOf({ backends: [{ models: ['b'] }] })
    expect(() => fleet.switchTo('x')).toThrow('no model is named x; known: a, b')
    expect(() => fleet.stop({ backend: 'x' })).toThrow('no backend is named x')
    expect(() => fleet.start({ backend: 'gpu0', model: 'a' })).toThrow('may not serve')
    expect(() => fleet.switchTo('a')).toThrow('no backend may serve it')
  })

  it('says who blocks a drain once its deadline is over, and goes on waiting', async () => {
    const { ask, fleet, world, clock, told } = await fleetOf()
    const asked = ask('a')
    await settled()
    world.finishStart('gpu0')
    const lease = await asked
    fleet.switchTo('b')
    await clock.pass(defaultBackendSettings.drainDeadlineMs)
    expect(told).toContain('gpu0: the drain deadline is over, 1 request(s) still run')
    expect(fleet.status()[0]).toMatchObject({
      state: 'switchingModel.draining',
      blocking: [{ id: 'r1', model: 'a' }],
    })
    lease.release()
    await settled()
    expect(fleet.status()[0]?.state).toBe('switchingModel.unloading')
  })

  it('cuts who blocks a drain when the settings say so', async () => {
    const cut = { ...defaultBackendSettings, drainDeadlineAction: 'cut' as const }
    const { ask, fleet, world, clock } = await fleetOf({ backends: [{ settings: cut }] })
    const asked = ask('a')
    await settled()
    world.finishStart('gpu0')
    const lease = await asked
    lease.onCut = () => lease.release()
    fleet.stop({})
    await clock.pass(cut.drainDeadlineMs)
    expect(fleet.status()[0]?.state).toBe('idle.scalingDown')
  })

  it('refuses others while a pinned model is loaded, who waits as well as who asks, until the pin is off', async () => {
    const { ask, fleet, world } = await fleetOf()
    const a = ask('a')
    const b = ask('b')
    await settled()
    fleet.pin({ model: 'a', pinned: true })
    // Its load has begun, and will not make room again.
    expect((await refusal(b)).code).toBe('model_pinned')
    world.finishStart('gpu0')
    ;(await a).release()
    const refused = await refusal(ask('b'))
    expect(refused.message).toContain('a is pinned')
    expect(refused.toJSON()).toMatchObject({ error: { code: 'model_pinned' } })

    fleet.pin({ model: 'a', pinned: false })
    const again = ask('b')
    await settled()
    expect(fleet.status()[0]?.state).toBe('switchingModel.unloading')
    world.finishStop('gpu0')
    await settled()
    world.finishStart('gpu0')
    await again
  })

  it('lets others wait for a pin to be taken off where the settings say so', async () => {
    const pinning = { ...defaultBackendSettings, pinned: ['a'] }
    const { ask, fleet, world, clock } = await fleetOf({
      whenPinned: 'wait',
      backends: [{ settings: pinning }],
    })
    const a = ask('a')
    await settled()
    world.finishStart('gpu0')
    ;(await a).release()
    const b = ask('b')
    await clock.pass(5_000)
    expect(fleet.status()[0]).toMatchObject({ state: 'ready.quiet', waiting: [{ model: 'b' }] })
    fleet.pin({ model: 'a', pinned: false })
    await settled()
    world.finishStop('gpu0')
    await settled()
    world.finishStart('gpu0')
    expect((await b).waitedMs).toBe(5_000)
  })

  it('goes where nothing is pinned, and an operator may switch a pinned one out', async () => {
    const { ask, fleet, world } = await fleetOf({ backends: [{}, {}] })
    fleet.pin({ model: 'a', pinned: true })
    const a = ask('a')
    await settled()
    world.finishStart('gpu0')
    ;(await a).release()
    void ask('b')
    await settled()
    world.finishStart('gpu1')
    await settled()
    expect(fleet.status().map(({ model }) => model)).toEqual(['a', 'b'])
    fleet.start({ backend: 'gpu0', model: 'b' })
    await settled()
    expect(fleet.status()[0]).toMatchObject({ state: 'switchingModel.unloading', target: 'b' })
  })

  it('cuts what holds up a switch after preemptAfter, and only then', async () => {
    const preempting = { ...defaultBackendSettings, maxWaitMs: 10_000, preemptAfterMs: 30_000 }
    const { ask, fleet, world, clock, told } = await fleetOf({
      backends: [{ settings: preempting }],
      listeners: { policy: patientPolicy },
    })
    const asked = ask('a')
    await settled()
    world.finishStart('gpu0')
    const lease = await asked
    const cut: string[] = []
    lease.onCut = (reason) => {
      cut.push(reason)
      lease.release()
    }
    void ask('b')
    await clock.pass(10_000)
    expect(fleet.status()[0]?.state).toBe('switchingModel.draining')
    await clock.pass(29_999)
    expect(cut).toEqual([])
    await clock.pass(1)
    expect(cut).toEqual(['somebody has waited preemptAfter for b'])
    expect(told).toContain('gpu0: 1 request(s) of a are cut for b (preemptAfter)')
    expect(fleet.status()[0]?.state).toBe('switchingModel.unloading')
  })

  it('cuts what holds up a reload after preemptAfter too, and says what for', async () => {
    const preempting = { ...defaultBackendSettings, preemptAfterMs: 30_000 }
    const { ask, fleet, world, clock, catalogue } = await fleetOf({
      backends: [{ settings: preempting }],
    })
    const asked = ask('a')
    await settled()
    world.finishStart('gpu0')
    const lease = await asked
    const cut: string[] = []
    lease.onCut = (reason) => void cut.push(reason)
    catalogue.put('a', '2')
    await clock.pass(40_000)
    expect(fleet.status()[0]?.state).toBe('switchingModel.draining')
    expect(cut).toEqual(['the reload of a has waited preemptAfter'])
  })

  it('waits for what the engine runs beyond its responses before it unloads', async () => {
    const { ask, fleet, world, clock } = await fleetOf()
    const asked = ask('a')
    await settled()
    world.finishStart('gpu0')
    ;(await asked).release()
    world.engine.set('gpu0', { running: 1, waiting: 0 })
    fleet.switchTo('b')
    await clock.pass(10_000)
    expect(fleet.status()[0]?.state).toBe('switchingModel.draining')
    world.engine.delete('gpu0')
    await clock.pass(500)
    expect(fleet.status()[0]?.state).toBe('switchingModel.unloading')
  })

  it('does not wait for long for an engine that does not say whether it is quiet', async () => {
    const { ask, fleet, world, clock } = await fleetOf()
    const asked = ask('a')
    await settled()
    world.finishStart('gpu0')
    ;(await asked).release()
    world.engineLoad = (_backend, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error))
      })
    fleet.switchTo('b')
    await clock.pass(5_000)
    expect(fleet.status()[0]?.state).toBe('switchingModel.unloading')
  })

  it('when it shuts down refuses who waits, lets leases end, and brings the backends down', async () => {
    const { ask, fleet, world, clock } = await fleetOf()
    const asked = ask('a')
    await settled()
    world.finishStart('gpu0')
    const lease = await asked
    const waiting = refusal(ask('b'))
    let isOver = false
    const over = fleet.shutDown({ delayMs: 5_000 }).then(() => (isOver = true))
    expect(await waiting).toMatchObject({ code: 'shutting_down' })
    expect(fleet.ready()).toBe(false)
    const warm = fleet.tryAcquire({ id: 'w', model: 'a', path: '/', bytes: 0, arrivedAt: 0 })
    expect(warm).toBeDefined()
    warm?.release()
    expect(await refusal(ask('b'))).toMatchObject({ code: 'shutting_down' })
    await clock.pass(5_000)
    expect(await refusal(ask('a'))).toMatchObject({ code: 'shutting_down' })
    expect(isOver).toBe(false)
    lease.release()
    await settled()
    world.finishStop('gpu0')
    await over
    expect(world.processes.size).toBe(0)
  })

  it('cuts what is in flight when it is hurried', async () => {
    const { ask, fleet, world } = await fleetOf()
    const asked = ask('a')
    await settled()
    world.finishStart('gpu0')
    const lease = await asked
    lease.onCut = () => lease.release()
    const over = fleet.shutDown({ delayMs: 0 })
    await settled()
    fleet.hurry()
    await settled()
    world.finishStop('gpu0')
    await over
  })

  it('does not wait for endpoints to move when it is hurried', async () => {
    const { fleet } = await fleetOf()
    const over = fleet.shutDown({ delayMs: 5_000 })
    fleet.hurry()
    await over
    expect(fleet.shuttingDown).toBe(true)
  })

  it('admits nothing, and says so, while it cannot tell what is running', async () => {
    const clock = new SimulatedClock()
    const world = new SimulatedWorld()
    const told: string[] = []
    world.observe = () => Promise.reject(new Error('the state folder cannot be read'))
    const tell = (_: object, message: string) => void told.push(message)
    const fleet = createAdmission({
      driver: world,
      catalogue: new SimulatedCatalogue(['a']),
      clock,
      log: { debug() {}, info: tell, warn: tell, error: tell },
      settings,
      backends: [{ name: 'gpu0', models: undefined, settings: defaultBackendSettings }],
    })
    await settled()
    expect(fleet.ready()).toBe(false)
    expect(told.join()).toContain('the state folder cannot be read')
    const request = { id: 'r', model: 'a', path: '/', bytes: 0, arrivedAt: clock.now() }
    const asked = fleet.acquire(request, new AbortController().signal)
    expect(fleet.status()[0]).toMatchObject({ state: 'observing' })
    world.observe = () => Promise.resolve({ found: 'nothing' })
    await clock.pass(2_000)
    world.finishStart('gpu0')
    expect((await asked).endpoint.incarnation).toBe('p1')
    expect(fleet.ready()).toBe(true)
  })

  it('goes on when a listener is faulty, and says so', async () => {
    const faulty = () => {
      throw new Error('a faulty listener')
    }
    const listeners = { onFact: faulty, onTransition: faulty }
    const { ask, world, told } = await fleetOf({ listeners })
    const asked = ask('a')
    await settled()
    world.finishStart('gpu0')
    ;(await asked).release()
    expect(told.filter((line) => line.includes('listener')).length).toBeGreaterThan(1)
  })

  it('refuses everybody who would have to wait, and can still be ended, once its charts have failed', async () => {
    let isBroken = false
    const policy: SwitchPolicy = (question) => {
      if (isBroken) throw new Error('a faulty policy')
      return patientPolicy(question)
    }
    const { ask, fleet, world, told, clock } = await fleetOf({
      listeners: { policy },
      backends: [{}, { name: 'gpu1' }],
    })
    const asked = ask('a')
    await settled()
    world.finishStart('gpu0')
    const lease = await asked
    const waiting = refusal(ask('b'))
    isBroken = true
    lease.release()
    await clock.pass(lullMs)
    expect(told).toContain('the charts failed: a faulty policy')
    expect(await waiting).toMatchObject({ code: 'internal_error' })
    expect(await refusal(ask('b'))).toMatchObject({ code: 'internal_error' })
    expect(fleet.ready()).toBe(false)
    const warm = await ask('a')
    const over = fleet.shutDown({ delayMs: 0 })
    warm.release()
    await over
  })
})
