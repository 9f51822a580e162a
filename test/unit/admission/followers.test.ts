import { describe, expect, it } from 'vitest'
import { defaultBackendSettings, type Sight } from '../../../machines/index.ts'
import { createAdmission } from '../../../src/admission/index.ts'
import { SimulatedCatalogue } from './simulated-catalogue.ts'
import { settled, SimulatedClock } from './simulated-clock.ts'
import { SimulatedWorld } from './simulated-world.ts'

/** A world in which another program may lead. */
class SharedWorld extends SimulatedWorld {
  override readonly stopsWithProgram = false as never
  #onSight: ((sight: Sight) => void) | undefined
  #sight: Sight = { observed: { found: 'nothing' }, leads: false, refusals: {} }

  follow(_backend: string, onSight: (sight: Sight) => void): () => void {
    this.#onSight = onSight
    onSight(this.#sight)
    return () => {
      this.#onSight = undefined
    }
  }

  leader(): string {
    return 'the-other'
  }

  see(change: Partial<Sight>): Promise<void> {
    this.#sight = { ...this.#sight, ...change }
    this.#onSight?.(this.#sight)
    return settled()
  }
}

async function sharedFleet(names = ['a', 'b']) {
  const world = new SharedWorld()
  const clock = new SimulatedClock()
  const silent = () => {}
  const fleet = createAdmission({
    driver: world,
    catalogue: new SimulatedCatalogue(names),
    clock,
    log: { debug: silent, info: silent, warn: silent, error: silent },
    settings: {
      hold: true,
      maxHeldPerModel: 3,
      maxHeld: 4,
      maxHeldBytes: 1_000,
      waitDeadlineMs: undefined,
      drainDeadlineMs: 60_000,
      maxWaitMs: 60_000,
      whenPinned: 'refuse',
    },
    backends: [{ name: 'gpu', models: undefined, settings: defaultBackendSettings }],
  })
  await settled()
  const request = (model: string) => ({ id: model, model, path: '/', bytes: 1, arrivedAt: 0 })
  const ask = (model: string) => fleet.acquire(request(model), new AbortController().signal)
  return { world, fleet, ask, request, clock }
}

const ready = (incarnation: string): Sight['observed'] => ({
  found: 'ready',
  model: 'a',
  revision: '1',
  endpoints: [{ url: `http://${incarnation}`, incarnation, maxInFlight: 8 }],
})

describe('a program that only follows', () => {
  it('serves what is warm, and starts nothing of what is not until it leads', async () => {
    const { world, ask, fleet, request } = await sharedFleet()
    world.processes.set('gpu', {
      backend: 'gpu',
      model: 'a',
      incarnation: 'p',
      state: 'ready',
    })
    await world.see({ observed: ready('p') })
    const lease = fleet.tryAcquire(request('a'))
    expect(lease?.endpoint.url).toBe('http://p')
    const held = ask('b')
    held.catch(() => {})
    await settled()
    expect(world.began).toEqual([])
    lease?.release()
    await world.see({ leads: true })
    world.finishStop('gpu')
    await settled()
    expect(world.began.map(({ model }) => model.name)).toEqual(['b'])
  })

  it('says so in its status, until it leads', async () => {
    const { world, fleet } = await sharedFleet()
    expect(fleet.status()[0]?.leads).toBe(false)
    await world.see({ leads: true })
    expect(fleet.status()[0]).not.toHaveProperty('leads')
  })

  it('admits nothing more to what the other program takes down', async () => {
    const { world, fleet, request } = await sharedFleet()
    world.processes.set('gpu', { backend: 'gpu', model: 'a', incarnation: 'p', state: 'ready' })
    await world.see({ observed: ready('p') })
    expect(fleet.tryAcquire(request('a'))).toBeDefined()
    await world.see({ observed: { found: 'leaving' } })
    expect(fleet.tryAcquire(request('a'))).toBeUndefined()
  })

  it("refuses an operator's commands and names who leads", async () => {
    const { fleet, world } = await sharedFleet()
    expect(() => fleet.switchTo('a')).toThrow('the-other leads')
    expect(() => fleet.stop({})).toThrow('the-other leads')
    await world.see({ leads: true })
    expect(() => fleet.switchTo('a')).not.toThrow()
  })
})

describe('a model that the driver cannot start', () => {
  const cannot = { reason: 'resources', message: 'its image is another one' } as const

  it('is refused with the reason, also to those who wait already, and nothing is drained', async () => {
    const { world, ask, fleet } = await sharedFleet()
    await world.see({ leads: true })
    const first = ask('a')
    await settled()
    world.finishStart('gpu')
    await first
    const waiting = ask('b')
    waiting.catch(() => {})
    await settled()
    await world.see({ refusals: { b: cannot } })
    await expect(waiting).rejects.toMatchObject({
      code: 'model_failed',
      message: expect.stringContaining('its image is another one'),
    })
    await expect(ask('b')).rejects.toMatchObject({ code: 'model_failed' })
    expect(() => fleet.switchTo('b')).toThrow('its image is another one')
    expect(fleet.status()[0]?.state).toBe('ready.serving')
  })

  it('loads nothing to keep it warm until it leads', async () => {
    const { world, fleet } = await sharedFleet()
    const wish = { id: '1', model: 'a', backend: undefined, because: 'kept warm until 18:00' }
    fleet.keepWarm([wish])
    await settled()
    fleet.keepWarm([wish])
    await settled()
    expect(world.began).toEqual([])
    await world.see({ leads: true })
    expect(world.began.map(({ model }) => model.name)).toEqual(['a'])
  })
})
