import { describe, expect, it } from 'vitest'
import { model, newPlay, threeModels, type BackendPlay } from './backend-play.ts'
import { reach } from './reach.ts'

const quiet = { running: 0, waiting: 0 }

async function idlesAfter(play: BackendPlay, ms: number): Promise<void> {
  await play.pass(ms - 1)
  expect(play.state).toBe('ready.quiet')
  await play.pass(1)
  expect(play.state).toBe('idle.rechecking')
}

describe('the idle timeout', () => {
  it('is the model’s own', async () => {
    const play = newPlay({ models: { a: model('a', { idleTimeoutMs: 7_000 }) } })
    await reach(play, 'ready.quiet')
    await idlesAfter(play, 7_000)
  })

  it('is overridden by the backend’s', async () => {
    const play = newPlay({ settings: { idleTimeoutMs: 3_000 } })
    await reach(play, 'ready.quiet')
    await idlesAfter(play, 3_000)
  })

  it.each([
    ['the model', { models: { a: model('a', { idleTimeoutMs: 0 }) } }],
    ['the backend', { settings: { idleTimeoutMs: 0 } }],
  ])('of 0 in %s means never', async (_, options) => {
    const play = newPlay(options)
    await reach(play, 'ready.quiet')
    await play.pass(1_000_000_000)
    expect(play.state).toBe('ready.quiet')
  })

  it('does not run while a lease is out, however long', async () => {
    const play = newPlay()
    await reach(play, 'ready.serving')
    await play.pass(1_000_000)
    expect(play.state).toBe('ready.serving')
  })

  it('begins anew after each use', async () => {
    const play = newPlay()
    await reach(play, 'ready.quiet')
    await play.pass(29_000)
    await play.lease(1)
    await play.lease(0)
    await idlesAfter(play, 30_000)
  })

  it('counts from now when it is changed, and may begin so', async () => {
    const play = newPlay({ models: { ...threeModels, a: model('a', { idleTimeoutMs: 0 }) } })
    await reach(play, 'ready.quiet')
    await play.pass(1_000_000)
    await play.change('a', { idleTimeoutMs: 5_000 })
    await idlesAfter(play, 5_000)
  })

  it('is not put off by other changes in the catalogue', async () => {
    const play = newPlay()
    await reach(play, 'ready.quiet')
    for (let passed = 0; passed < 25_000; passed += 5_000) {
      await play.pass(5_000)
      await play.change('b', { revision: String(passed) })
      await play.change('a', { priority: passed })
    }
    await idlesAfter(play, 5_000)
  })

  it('is not put off by events that change nothing', async () => {
    const play = newPlay()
    await reach(play, 'ready.quiet')
    await play.pass(29_000)
    await play.tell()
    await play.start('a')
    play.actor.send({ type: 'reconsider' })
    await idlesAfter(play, 1_000)
  })
})

describe('the recheck before going down', () => {
  it('closes the gate first', async () => {
    const play = newPlay()
    await reach(play, 'idle.rechecking')
    expect(play.openFor).toBeUndefined()
  })

  it('goes back to ready for a request that comes meanwhile, without unloading', async () => {
    const play = newPlay()
    await reach(play, 'idle.rechecking')
    await play.wait('a')
    expect(play.state).toBe('ready.serving')
    expect(play.leases).toBe(1)
    expect(play.running('take replicas down')).toEqual([])
    expect(play.running('ask the engine')).toEqual([])
  })

  it('goes back to ready while the engine itself is at work, and asks again a timeout later', async () => {
    const play = newPlay()
    await reach(play, 'idle.rechecking')
    await play.end('ask the engine', { running: 1, waiting: 0 })
    await idlesAfter(play, 30_000)
    await play.end('ask the engine', { running: 0, waiting: 2 })
    await idlesAfter(play, 30_000)
    await play.end('ask the engine', quiet)
    expect(play.state).toBe('idle.scalingDown')
  })

  it('is obeyed by going down when an operator stopped a busy engine meanwhile, after its drain', async () => {
    const play = newPlay()
    await reach(play, 'idle.rechecking')
    await play.stop()
    await play.end('ask the engine', { running: 1, waiting: 0 })
    expect(play.state).toBe('idle.draining')
  })

  it('goes down when the engine does not answer in time', async () => {
    const play = newPlay({ settings: { recheckDeadlineMs: 2_000 } })
    await reach(play, 'idle.rechecking')
    await play.pass(1_999)
    expect(play.state).toBe('idle.rechecking')
    await play.pass(1)
    expect(play.state).toBe('idle.scalingDown')
  })

  it('goes down when the engine cannot be asked', async () => {
    const play = newPlay()
    await reach(play, 'idle.rechecking')
    await play.fail('ask the engine')
    expect(play.state).toBe('idle.scalingDown')
  })
})

describe('going down', () => {
  it('ends cold, with nothing remembered of the model', async () => {
    const play = newPlay()
    await reach(play, 'idle.scalingDown')
    const told = play.facted('cold').length
    await play.end('take replicas down')
    expect(play.state).toBe('cold')
    expect(play.context).toMatchObject({ model: undefined, endpoints: [], target: undefined })
    expect(play.facted('cold')).toHaveLength(told + 1)
  })

  it('comes up again for what was asked meanwhile, once the GPU is free', async () => {
    const play = newPlay()
    await reach(play, 'idle.scalingDown')
    await play.wait('a')
    expect(play.state).toBe('idle.scalingDown')
    await play.end('take replicas down')
    await play.load()
    expect(play.state).toBe('ready.serving')
  })

  it('that does not end says so and is tried again', async () => {
    const play = newPlay({ settings: { unloadDeadlineMs: 10_000 } })
    await reach(play, 'idle.scalingDown')
    await play.pass(10_000)
    await play.pass(10_000)
    expect(play.state).toBe('idle.scalingDown')
    expect(play.facted('unload overdue')).toHaveLength(2)
    expect(play.running('take replicas down')).toHaveLength(1)
  })
})
