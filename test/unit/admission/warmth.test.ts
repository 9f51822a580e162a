import { describe, expect, it } from 'vitest'
import { defaultBackendSettings, type BackendDefinition } from '../../../machines/index.ts'
import {
  createAdmission,
  type WarmthSettings,
  type WarmWish,
} from '../../../src/admission/index.ts'
import { SimulatedCatalogue } from './simulated-catalogue.ts'
import { settled, SimulatedClock } from './simulated-clock.ts'
import { SimulatedWorld } from './simulated-world.ts'

const minute = 60_000

interface Options extends Partial<WarmthSettings> {
  readonly backends?: Partial<BackendDefinition>[]
}

async function fleetOf({ backends = [{}], preload = [], returnTo }: Options = {}) {
  const clock = new SimulatedClock()
  const world = new SimulatedWorld()
  const told: string[] = []
  const tell = (_: object, message: string) => void told.push(message)
  const catalogue = new SimulatedCatalogue(['a', 'b', 'c'])
  const fleet = createAdmission({
    driver: world,
    catalogue,
    clock,
    log: { debug() {}, info() {}, warn: tell, error: tell },
    warmth: { preload, returnTo },
    settings: {
      hold: true,
      maxHeldPerModel: 9,
      maxHeld: 9,
      maxHeldBytes: 1_000,
      waitDeadlineMs: undefined,
      drainDeadlineMs: minute,
      maxWaitMs: minute,
      whenPinned: 'refuse',
    },
    backends: backends.map((each, i) =>
      Object.assign({ name: `gpu${i}`, models: undefined, settings: defaultBackendSettings }, each),
    ),
  })
  await settled()
  let asked = 0
  /** One short request, whose model is loaded for it if need be. */
  const serve = async (model: string, backend = 'gpu0') => {
    const request = { id: `r${++asked}`, model, path: '/v1', bytes: 1, arrivedAt: clock.now() }
    const lease = fleet.acquire(request, new AbortController().signal)
    await clock.pass(0)
    world.finishStop(backend)
    await clock.pass(0)
    world.finishStart(backend)
    ;(await lease).release()
    // The gate tells of a pause only when it lasts.
    await clock.pass(1_000)
  }
  const idleOut = async (backend = 'gpu0') => {
    await clock.pass(30_000)
    world.finishStop(backend)
    await settled()
  }
  const started = () => world.began.map(({ backend, model }) => `${model.name} on ${backend}`)
  const states = () => fleet.status().map(({ state, model }) => [state, model])
  return { clock, world, fleet, told, serve, idleOut, started, states }
}

const wish = (model: string, more: Partial<WarmWish> = {}): WarmWish => ({
  id: `${model} today`,
  model,
  backend: undefined,
  because: 'kept warm until 18:00',
  ...more,
})

describe('a model that is kept warm', () => {
  it('is loaded, and status says why it stays', async () => {
    const { fleet, world, clock, started } = await fleetOf()
    fleet.keepWarm([wish('a')])
    await settled()
    expect(fleet.status()[0]).toMatchObject({ state: 'scalingUp', model: 'a' })
    world.finishStart('gpu0')
    await clock.pass(600 * minute)
    expect(started()).toEqual(['a on gpu0'])
    expect(fleet.status()[0]).toMatchObject({
      state: 'ready.quiet',
      model: 'a',
      because: 'kept warm until 18:00',
    })
  })

  it('wished before anybody knew what is there is loaded as soon as that is known', async () => {
    const { fleet, started } = await fleetOf()
    fleet.keepWarm([wish('b')])
    await settled()
    expect(started()).toEqual(['b on gpu0'])
  })

  it('goes where it is already, else to a free backend that may serve it', async () => {
    const { fleet, serve, started, clock } = await fleetOf({
      backends: [{ models: ['a', 'c'] }, { models: ['a', 'b'] }],
    })
    await serve('b', 'gpu1')
    fleet.keepWarm([wish('a'), wish('b')])
    await clock.pass(0)
    expect(started()).toEqual(['b on gpu1', 'a on gpu0'])
  })

  it('goes to the backend that is named, and two go to two', async () => {
    const { fleet, started } = await fleetOf({ backends: [{}, {}] })
    fleet.keepWarm([wish('a', { backend: 'gpu1' }), wish('b')])
    await settled()
    expect(started().toSorted()).toEqual(['a on gpu1', 'b on gpu0'])
  })

  it('has no place where every backend keeps another, and the log says so once', async () => {
    const { fleet, told, started } = await fleetOf()
    for (let told = 0; told < 3; told++) fleet.keepWarm([wish('a'), wish('b'), wish('nobody')])
    await settled()
    expect(started()).toEqual(['a on gpu0'])
    expect(told).toEqual([
      'b cannot be kept warm until 18:00: no backend is left for it',
      'nobody cannot be kept warm until 18:00: no manifest names it',
    ])
  })

  it('is idled out as any other once nobody wishes it any more', async () => {
    const { fleet, world, idleOut, states } = await fleetOf()
    fleet.keepWarm([wish('a')])
    await settled()
    world.finishStart('gpu0')
    await settled()
    fleet.keepWarm([])
    await idleOut()
    expect(states()).toEqual([['cold', undefined]])
  })
})

describe('preload', () => {
  it('loads its models when the program starts, one on each backend, and lets them go as others', async () => {
    const { clock, world, started, idleOut, states } = await fleetOf({
      backends: [{}, {}],
      preload: ['b', 'a'],
    })
    expect(started().toSorted()).toEqual(['a on gpu1', 'b on gpu0'])
    world.finishStart('gpu0')
    world.finishStart('gpu1')
    await clock.pass(29_000)
    expect(states()).toEqual([
      ['ready.quiet', 'b'],
      ['ready.quiet', 'a'],
    ])
    await idleOut('gpu0')
    await idleOut('gpu1')
    await clock.pass(600 * minute)
    expect(started()).toHaveLength(2)
  })

  it('does not try again what failed', async () => {
    const { clock, world, started } = await fleetOf({ preload: ['a'] })
    world.failStart('gpu0')
    await clock.pass(0)
    world.finishStop('gpu0')
    await clock.pass(600 * minute)
    expect(started()).toEqual(['a on gpu0'])
  })

  it('is over after five minutes: nothing is loaded then that nobody expects any more', async () => {
    const { clock, fleet, started } = await fleetOf({ preload: ['nobody'] })
    await clock.pass(6 * minute)
    fleet.keepWarm([])
    await clock.pass(600 * minute)
    expect(started()).toEqual([])
    expect(clock.pending).toBe(0)
  })

  it('leaves no timer behind when the program ends', async () => {
    const { clock, fleet, world } = await fleetOf({ preload: ['nobody'] })
    void fleet.shutDown({ delayMs: 0 })
    await clock.pass(0)
    world.finishStop('gpu0')
    await clock.pass(0)
    expect(clock.pending).toBe(0)
  })
})

describe('returning to the default model', () => {
  it('loads it when another was idled out, and lets it be idled out in its turn', async () => {
    const { serve, idleOut, started, world, states } = await fleetOf({ returnTo: 'a' })
    await serve('b')
    await idleOut()
    expect(started()).toEqual(['b on gpu0', 'a on gpu0'])
    world.finishStart('gpu0')
    await settled()
    await idleOut()
    expect(states()).toEqual([['cold', undefined]])
    expect(started()).toHaveLength(2)
  })

  it('does not load it a second time where another backend has it', async () => {
    const { serve, world, started, states, clock } = await fleetOf({
      backends: [{ models: ['a'] }, {}],
      returnTo: 'a',
    })
    await serve('b', 'gpu1')
    await clock.pass(20_000)
    await serve('a', 'gpu0')
    await clock.pass(9_000)
    world.finishStop('gpu1')
    await settled()
    expect(states()).toEqual([
      ['ready.quiet', 'a'],
      ['cold', undefined],
    ])
    await clock.pass(minute)
    expect(started()).toEqual(['b on gpu1', 'a on gpu0'])
  })

  it('loads it also when an operator stops, by its model, another backend meanwhile', async () => {
    const { serve, fleet, clock, world, started } = await fleetOf({
      backends: [{ models: ['a', 'c'] }, { models: ['b'] }],
      returnTo: 'a',
    })
    await serve('c', 'gpu0')
    await clock.pass(15_000)
    await serve('b', 'gpu1')
    await clock.pass(15_000)
    expect(fleet.status()[0]?.state).toBe('idle.scalingDown')
    fleet.stop({ model: 'b' })
    world.finishStop('gpu0')
    await clock.pass(1)
    expect(started()).toEqual(['c on gpu0', 'b on gpu1', 'a on gpu0'])
  })

  it('does not load it when an operator stopped the other one, also while that was idled out', async () => {
    const { serve, fleet, clock, world, started, states } = await fleetOf({ returnTo: 'a' })
    await serve('b')
    await clock.pass(30_000)
    fleet.stop({ backend: 'gpu0' })
    world.finishStop('gpu0')
    await clock.pass(minute)
    expect(states()).toEqual([['cold', undefined]])
    expect(started()).toEqual(['b on gpu0'])
  })
})
