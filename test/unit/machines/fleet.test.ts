import { describe, expect, it } from 'vitest'
import { createActor, fromCallback, fromPromise, SimulatedClock } from 'xstate'
import {
  backendMachine,
  defaultBackendSettings,
  fleetMachine,
  patientPolicy,
  type BackendDefinition,
  type FleetFact,
  type Observed,
} from '../../../machines/index.ts'
import { leafOf, model, settled, threeModels } from './backend-play.ts'

function backend(name: string, models?: string[]): BackendDefinition {
  return { name, models, settings: defaultBackendSettings }
}

/** A fleet that looks around when the test says so; its backends' effects never end. */
function newFleet(backends = [backend('gpu0'), backend('gpu1', ['b'])]) {
  const clock = new SimulatedClock()
  const looks: PromiseWithResolvers<Record<string, Observed>>[] = []
  const never = <T>() => new Promise<T>(() => {})
  const actor = createActor(
    fleetMachine.provide({
      actors: {
        'look at what is there': fromPromise(() => {
          const look = Promise.withResolvers<Record<string, Observed>>()
          looks.push(look)
          return look.promise
        }),
        backend: backendMachine.provide({
          actors: {
            'ensure resources': fromPromise(() => never()),
            'bring replicas up': fromPromise(() => never()),
            'drain leases': fromPromise(() => never()),
            'take replicas down': fromPromise(() => never()),
            'ask the engine': fromPromise(() => never()),
            'admit requests': fromCallback(() => {}),
            'watch replicas': fromCallback(() => {}),
          },
        }),
      },
    }),
    {
      clock,
      input: { backends, models: threeModels, policy: patientPolicy, now: () => clock.now() },
    },
  )
  const facts: FleetFact[] = []
  actor.on('*', (fact) => facts.push(fact))
  actor.subscribe({ error: () => {} })
  actor.start()
  return {
    actor,
    facts,
    state: () => leafOf(actor.getSnapshot().value),
    backends: () =>
      Object.fromEntries(
        Object.entries(actor.getSnapshot().context.spawned).map(([name, each]) => [
          name,
          leafOf(each.getSnapshot().value),
        ]),
      ),
    context: (name: string) => actor.getSnapshot().context.spawned[name]!.getSnapshot().context,
    async sees(found: Record<string, Observed>) {
      looks.at(-1)?.resolve(found)
      await settled()
    },
    async isBlind(error: unknown) {
      looks.at(-1)?.reject(error)
      await settled()
    },
    looks,
    clock,
  }
}

describe('a fleet', () => {
  it('starts nothing before it has seen what is there', async () => {
    const fleet = newFleet()
    expect(fleet.state()).toBe('observing')
    expect(fleet.backends()).toEqual({})
    await fleet.sees({ gpu0: { found: 'leaving' } })
    expect(fleet.state()).toBe('supervising')
    expect(fleet.backends()).toEqual({ gpu0: 'idle.scalingDown', gpu1: 'cold' })
    expect(fleet.facts).toEqual([{ type: 'supervising' }])
  })

  it.each([
    [new Error('no permission'), 'no permission'],
    ['nobody home', 'nobody home'],
  ])('that cannot look says why, and looks again after a pause', async (error, message) => {
    const fleet = newFleet()
    await fleet.isBlind(error)
    expect(fleet.state()).toBe('blind')
    expect(fleet.facts).toEqual([{ type: 'observation failed', message }])
    expect(fleet.actor.getSnapshot().context.trouble).toBe(message)
    fleet.clock.increment(1_999)
    expect(fleet.state()).toBe('blind')
    fleet.clock.increment(1)
    expect(fleet.looks).toHaveLength(2)
    await fleet.sees({})
    expect(fleet.state()).toBe('supervising')
    expect(fleet.actor.getSnapshot().context.trouble).toBeUndefined()
  })

  it('that is told nothing for a minute says so, and goes on with the one look', async () => {
    const fleet = newFleet()
    fleet.clock.increment(60_000)
    expect(fleet.facts).toEqual([
      { type: 'observation failed', message: 'the driver still has not said what is there' },
    ])
    expect(fleet.state()).toBe('observing')
    expect(fleet.looks).toHaveLength(1)
    await fleet.sees({})
    expect(fleet.state()).toBe('supervising')
  })

  it('gives each backend the part of the catalogue that it may serve, as it is when it is seen', async () => {
    const fleet = newFleet()
    const models = { ...threeModels, b: model('b', { revision: '2' }) }
    fleet.actor.send({ type: 'catalogue changed', models })
    await fleet.sees({})
    expect(fleet.context('gpu0').models).toEqual(models)
    expect(fleet.context('gpu1').models).toEqual({ b: models.b })
  })

  it('hands on what changes in the catalogue', async () => {
    const fleet = newFleet()
    await fleet.sees({})
    fleet.actor.send({ type: 'catalogue changed', models: { a: threeModels['a']! } })
    expect(fleet.context('gpu0').models).toEqual({ a: threeModels['a'] })
    expect(fleet.context('gpu1').models).toEqual({})
  })

  it('hands an operator’s start to the backend that is named, and none to one it does not have', async () => {
    const fleet = newFleet()
    await fleet.sees({})
    fleet.actor.send({ type: 'operator starts', backend: 'gpu9', model: 'a' })
    fleet.actor.send({ type: 'operator starts', backend: 'gpu1' })
    expect(fleet.backends()).toEqual({ gpu0: 'cold', gpu1: 'cold' })
    fleet.actor.send({ type: 'operator starts', backend: 'gpu1', model: 'b' })
    expect(fleet.backends()).toEqual({ gpu0: 'cold', gpu1: 'creatingResources' })
  })

  it('does what operators asked for before it had seen what is there once it has', async () => {
    const fleet = newFleet()
    await fleet.isBlind(new Error('not yet'))
    fleet.actor.send({ type: 'operator starts', backend: 'gpu0', model: 'c' })
    fleet.clock.increment(2_000)
    fleet.actor.send({ type: 'operator stops', backend: 'gpu1', hold: true })
    await fleet.sees({})
    expect(fleet.backends()).toEqual({ gpu0: 'creatingResources', gpu1: 'cold' })
    expect(fleet.context('gpu0').model?.name).toBe('c')
    expect(fleet.context('gpu1').held).toBe(true)
  })

  it('stops one backend, or all', async () => {
    const fleet = newFleet()
    await fleet.sees({})
    fleet.actor.send({ type: 'operator starts', backend: 'gpu0', model: 'a' })
    fleet.actor.send({ type: 'operator starts', backend: 'gpu1', model: 'b' })
    fleet.actor.send({ type: 'operator stops', backend: 'gpu1', hold: false })
    expect(fleet.backends()).toEqual({ gpu0: 'creatingResources', gpu1: 'idle.scalingDown' })
    fleet.actor.send({ type: 'operator stops', hold: true })
    expect(fleet.backends()).toEqual({ gpu0: 'idle.scalingDown', gpu1: 'idle.scalingDown' })
    expect(fleet.context('gpu0').held).toBe(true)
  })

  it('that shuts down brings all backends down, and starts none again', async () => {
    const fleet = newFleet()
    await fleet.sees({})
    fleet.actor.send({ type: 'operator starts', backend: 'gpu0', model: 'a' })
    fleet.actor.send({ type: 'shut down' })
    expect(fleet.state()).toBe('stopping')
    fleet.actor.send({ type: 'operator starts', backend: 'gpu1', model: 'b' })
    expect(fleet.backends()).toEqual({ gpu0: 'idle.scalingDown', gpu1: 'cold' })
    expect(fleet.context('gpu1').held).toBe(true)
  })

  it.each(['observing', 'blind'])(
    'that shuts down while %s has nothing to bring down',
    async (state) => {
      const fleet = newFleet()
      if (state === 'blind') await fleet.isBlind(new Error('no permission'))
      expect(fleet.state()).toBe(state)
      fleet.actor.send({ type: 'shut down' })
      expect(fleet.actor.getSnapshot().status).toBe('done')
    },
  )
})
