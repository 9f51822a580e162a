import { describe, expect, it } from 'vitest'
import { newPlay } from './backend-play.ts'
import { drained, reach } from './reach.ts'

describe('a switch', () => {
  it('drains, unloads until the GPU is free, and starts the other model', async () => {
    const play = newPlay()
    await reach(play, 'ready.serving')
    await play.wait('b')
    await play.pass(60_000)
    expect(play.state).toBe('switchingModel.draining')
    expect(play.openFor).toBeUndefined()
    await drained(play)
    expect(play.state).toBe('switchingModel.unloading')
    expect(play.running('ensure resources')).toHaveLength(1)
    await play.end('take replicas down')
    await play.load()
    expect(play.state).toBe('ready.serving')
    expect(play.openings).toEqual([
      { model: 'a', generation: 1 },
      { model: 'b', generation: 2 },
    ])
  })

  it('comes at once when the loaded model is not used', async () => {
    const play = newPlay()
    await reach(play, 'ready.quiet')
    await play.wait('b')
    expect(play.state).toBe('switchingModel.draining')
  })

  it('comes when the last lease of the loaded model is given back and nobody waits for it', async () => {
    const play = newPlay()
    await reach(play, 'ready.serving')
    await play.wait('b')
    expect(play.state).toBe('ready.serving')
    await play.lease(0)
    expect(play.state).toBe('switchingModel.draining')
  })

  it('comes after maxWait by the policy’s alarm alone, without any event', async () => {
    const play = newPlay({ settings: { maxWaitMs: 20_000 } })
    await reach(play, 'ready.serving')
    await play.wait('b')
    await play.pass(19_999)
    expect(play.state).toBe('ready.serving')
    await play.pass(1)
    expect(play.state).toBe('switchingModel.draining')
    expect(play.because).toBe('b: somebody has waited maxWait for it')
  })

  it('keeps one alarm, for whoever waits now', async () => {
    const play = newPlay({ settings: { maxWaitMs: 20_000 } })
    await reach(play, 'ready.serving')
    await play.wait('b')
    await play.pass(10_000)
    await play.leave('b')
    await play.wait('c')
    await play.pass(10_000)
    expect(play.state).toBe('ready.serving')
    await play.pass(10_000)
    expect(play.context.target).toBe('c')
  })

  it('sets the alarm again when a changed manifest makes a model servable that was failing', async () => {
    const play = newPlay({ settings: { maxWaitMs: 20_000, backoffMs: 300_000 } })
    await play.wait('b')
    await play.fail('ensure resources')
    await play.leave('b')
    await play.end('take replicas down')
    await reach(play, 'ready.serving')
    await play.wait('b')
    await play.change('b', { revision: '2' })
    await play.pass(20_000)
    expect(play.context.target).toBe('b')
  })

  it('waits until what was queued when the model became ready is served', async () => {
    const play = newPlay({ settings: { maxWaitMs: 20_000 } })
    await reach(play, 'ready.serving')
    await play.wait('a', { owed: 3 })
    await play.wait('b')
    await play.pass(100_000)
    expect(play.state).toBe('ready.serving')
    await play.wait('a', { owed: 0 })
    expect(play.state).toBe('switchingModel.draining')
  })

  it('is called off when its waiters leave during the drain, and the model goes on serving', async () => {
    const play = newPlay()
    await reach(play, 'switchingModel.draining')
    await play.leave('b')
    expect(play.state).toBe('ready.serving')
    expect(play.context.target).toBeUndefined()
    expect(play.openings).toEqual([
      { model: 'a', generation: 1 },
      { model: 'a', generation: 1 },
    ])
    expect(play.running('drain leases')).toEqual([])
  })

  it('is called off when the loaded model is pinned during the drain, unless an operator asked for it', async () => {
    const play = newPlay()
    await reach(play, 'switchingModel.draining')
    await play.pin('a')
    expect(play.state).toBe('ready.serving')
    await play.start('b')
    expect(play.state).toBe('switchingModel.draining')
    await play.pin('a')
    expect(play.state).toBe('switchingModel.draining')
  })

  it('rests cold when its waiters leave during the unload', async () => {
    const play = newPlay()
    await reach(play, 'switchingModel.unloading')
    await play.leave('b')
    await play.end('take replicas down')
    expect(play.state).toBe('cold')
    expect(play.ordered).toEqual(['a'])
  })

  it('serves whoever else waits when its target is not wanted any more', async () => {
    const play = newPlay()
    await reach(play, 'switchingModel.unloading')
    await play.leave('b')
    await play.wait('c')
    await play.end('take replicas down')
    expect(play.context.model?.name).toBe('c')
  })

  it('serves the other waiters when the loaded model is removed during the drain', async () => {
    const play = newPlay()
    await reach(play, 'switchingModel.draining')
    await play.remove('a')
    expect(play.state).toBe('idle.draining')
    expect(play.context.target).toBeUndefined()
    await drained(play)
    await play.end('take replicas down')
    expect(play.context.model?.name).toBe('b')
  })
})

describe('a drain', () => {
  it('that is overdue says who blocks, once, and goes on waiting', async () => {
    const play = newPlay({ settings: { drainDeadlineMs: 1_000 } })
    await reach(play, 'switchingModel.draining')
    await play.pass(1_000)
    expect(play.facted('drain overdue')).toEqual([
      { type: 'drain overdue', backend: 'gpu', model: 'a', cut: false },
    ])
    await play.pass(1_000_000)
    expect(play.state).toBe('switchingModel.draining')
    expect(play.running('take replicas down')).toEqual([])
    expect(play.facted('drain overdue')).toHaveLength(1)
    await drained(play)
    expect(play.state).toBe('switchingModel.unloading')
  })

  it('that may cut goes on at its deadline, even if the engine itself never ends', async () => {
    const play = newPlay({ settings: { drainDeadlineMs: 1_000, drainDeadlineAction: 'cut' } })
    await reach(play, 'switchingModel.draining')
    await play.pass(1_000)
    expect(play.facted('drain overdue')).toMatchObject([{ cut: true }])
    expect(play.state).toBe('switchingModel.unloading')
  })

  it('that may cut goes on at its deadline when an operator stops the backend', async () => {
    const play = newPlay({ settings: { drainDeadlineMs: 1_000, drainDeadlineAction: 'cut' } })
    await reach(play, 'idle.draining')
    await play.pass(1_000)
    expect(play.facted('drain overdue')).toMatchObject([{ cut: true }])
    expect(play.state).toBe('idle.scalingDown')
  })
})

describe('a reload', () => {
  it('drains, unloads and starts the changed manifest, even when nobody waits', async () => {
    const play = newPlay()
    await reach(play, 'ready.quiet')
    await play.change('a', { revision: '2' })
    expect(play.state).toBe('switchingModel.draining')
    await play.end('drain leases')
    await play.end('take replicas down')
    await play.load()
    expect(play.state).toBe('ready.quiet')
    expect(play.context.model?.revision).toBe('2')
    expect(play.context.wish).toBeUndefined()
  })

  it('is called off when the manifest is changed back during the drain', async () => {
    const play = newPlay()
    await reach(play, 'ready.serving')
    await play.change('a', { revision: '2' })
    await play.change('a', { revision: '1' })
    expect(play.state).toBe('ready.serving')
    expect(play.context.wish).toBeUndefined()
    await play.lease(0)
    await play.wait('b')
    expect(play.context.target).toBe('b')
  })

  it('starts what the manifest says when the unload is over, not when it began', async () => {
    const play = newPlay()
    await reach(play, 'ready.serving')
    await play.change('a', { revision: '2' })
    await drained(play)
    await play.change('a', { revision: '3' })
    await play.end('take replicas down')
    expect(play.context.model?.revision).toBe('3')
  })

  it('ends cold when its model is removed meanwhile', async () => {
    const play = newPlay()
    await reach(play, 'ready.serving')
    await play.change('a', { revision: '2' })
    await drained(play)
    await play.remove('a')
    await play.end('take replicas down')
    expect(play.state).toBe('cold')
  })

  it('gives way to an operator who wants another model', async () => {
    const play = newPlay()
    await reach(play, 'ready.serving')
    await play.start('b')
    await play.change('a', { revision: '2' })
    expect(play.context.target).toBe('b')
    await drained(play)
    await play.end('take replicas down')
    expect(play.context.model?.name).toBe('b')
  })
})

describe('a removed model', () => {
  it('lets what is in flight end before it goes down', async () => {
    const play = newPlay()
    await reach(play, 'ready.serving')
    await play.remove('a')
    expect(play.state).toBe('idle.draining')
    expect(play.running('take replicas down')).toEqual([])
    await drained(play)
    await play.end('take replicas down')
    expect(play.state).toBe('cold')
  })

  it('that is put back as it was during its drain goes on serving', async () => {
    const play = newPlay()
    await reach(play, 'ready.serving')
    const { models } = play
    await play.remove('a')
    await play.catalogue(models)
    expect(play.state).toBe('ready.serving')
  })

  it('that is put back changed during its drain is reloaded', async () => {
    const play = newPlay()
    await reach(play, 'ready.serving')
    await play.remove('a')
    await play.change('a', { revision: '2' })
    expect(play.state).toBe('switchingModel.draining')
    expect(play.because).toBe('a: its manifest changed')
  })
})

describe('an unload', () => {
  it('that does not end says so, is tried again, and nothing is started meanwhile', async () => {
    const play = newPlay({ settings: { unloadDeadlineMs: 10_000 } })
    await reach(play, 'switchingModel.unloading')
    for (let tries = 1; tries <= 3; tries++) {
      await play.pass(10_000)
      expect(play.state).toBe('switchingModel.unloading')
      expect(play.facted('unload overdue')).toHaveLength(tries)
      expect(play.running('take replicas down')).toHaveLength(1)
    }
    expect(play.ordered).toEqual(['a'])
    await play.end('take replicas down')
    expect(play.state).toBe('creatingResources')
  })

  it('that throws says so and is tried again a second later', async () => {
    const play = newPlay()
    await reach(play, 'switchingModel.unloadingFailed')
    expect(play.facted('unload overdue')).toEqual([
      { type: 'unload overdue', backend: 'gpu', model: 'a' },
    ])
    await play.pass(999)
    expect(play.state).toBe('switchingModel.unloadingFailed')
    await play.pass(1)
    await play.end('take replicas down')
    expect(play.state).toBe('creatingResources')
  })

  it('to cold that throws is tried again, and who waits is served after it', async () => {
    const play = newPlay()
    await reach(play, 'idle.scalingDownFailed')
    await play.wait('b')
    expect(play.ordered).toEqual(['a'])
    await play.pass(1_000)
    await play.end('take replicas down')
    expect(play.context.model?.name).toBe('b')
  })
})

describe('a lost replica', () => {
  it('of a model that somebody waits for is cleared away and started again', async () => {
    const play = newPlay()
    await reach(play, 'ready.serving')
    await play.wait('a')
    await play.loseReplica({ message: 'exit code 137' })
    expect(play.state).toBe('switchingModel.unloading')
    await play.end('take replicas down')
    await play.load()
    expect(play.state).toBe('ready.serving')
    expect(play.context.generation).toBe(2)
    expect(play.facted('replica lost')).toEqual([
      { type: 'replica lost', backend: 'gpu', model: 'a', message: 'exit code 137' },
    ])
  })

  it('rests cold when those who waited for it left during the unload', async () => {
    const play = newPlay()
    await reach(play, 'ready.serving')
    await play.wait('a')
    await play.loseReplica()
    await play.leave('a')
    await play.end('take replicas down')
    expect(play.state).toBe('cold')
  })

  it('that nobody waits for goes cold', async () => {
    const play = newPlay()
    await reach(play, 'ready.quiet')
    await play.loseReplica()
    await play.end('take replicas down')
    expect(play.state).toBe('cold')
  })

  it('that the platform replaces is waited for, with a start deadline of its own', async () => {
    const play = newPlay()
    await reach(play, 'ready.serving')
    await play.pass(500_000)
    await play.wait('a')
    await play.loseReplica({ replaced: true })
    expect(play.state).toBe('scalingUp')
    expect(play.openFor).toBeUndefined()
    await play.pass(599_999)
    expect(play.state).toBe('scalingUp')
    await play.pass(1)
    expect(play.state).toBe('idle.scalingDown')
    expect(play.context.failures['a']?.reason).toBe('deadline')
  })
})
