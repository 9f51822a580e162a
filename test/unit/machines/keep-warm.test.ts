import { describe, expect, it } from 'vitest'
import { model, newPlay, threeModels } from './backend-play.ts'
import { reach } from './reach.ts'

const quiet = { running: 0, waiting: 0 }
const minute = 60_000

describe('a model that is kept warm', () => {
  it('is loaded for nobody, and stays while it is kept', async () => {
    const play = newPlay()
    await play.keepWarm('a')
    expect(play.state).toBe('creatingResources')
    await play.load()
    expect(play.state).toBe('ready.quiet')
    await play.pass(600 * minute)
    expect(play.state).toBe('ready.quiet')
  })

  it('has its full idle timeout from the end of the window on', async () => {
    const play = newPlay()
    await play.keepWarm('a')
    await play.load()
    await play.pass(600 * minute)
    await play.keepWarm(undefined)
    await play.pass(29_999)
    expect(play.state).toBe('ready.quiet')
    await play.pass(1)
    expect(play.state).toBe('idle.rechecking')
  })

  it('is not kept the longer for being told again', async () => {
    const play = newPlay()
    await reach(play, 'ready.quiet')
    for (let passed = 0; passed < 25_000; passed += 5_000) {
      await play.pass(5_000)
      await play.keepWarm('b')
      await play.keepWarm('b')
    }
    await play.pass(5_000)
    expect(play.state).toBe('idle.rechecking')
  })

  it('makes room when somebody asks for another, and comes back when that one is idle', async () => {
    const play = newPlay()
    await play.keepWarm('a')
    await play.load()
    await play.wait('b')
    await play.end('drain leases')
    await play.end('take replicas down')
    await play.load()
    expect(play.context.model?.name).toBe('b')
    await play.lease(0)
    await play.pass(30_000)
    await play.end('ask the engine', quiet)
    await play.end('take replicas down')
    await play.load()
    expect(play.ordered).toEqual(['a', 'b', 'a'])
    expect(play.state).toBe('ready.quiet')
    expect(play.because).toContain('names the model')
  })

  it('waits for its place while another one is in use, whatever the window says', async () => {
    const play = newPlay()
    await reach(play, 'ready.serving')
    await play.keepWarm('b')
    await play.pass(600 * minute)
    expect(play.state).toBe('ready.serving')
    expect(play.ordered).toEqual(['a'])
  })

  it('comes after who waits', async () => {
    const play = newPlay()
    await play.stop({ hold: true })
    await play.keepWarm('a')
    await play.wait('b')
    await play.start()
    expect(play.context.model?.name).toBe('b')
  })

  it('is tried again once its backoff is over and the schedule speaks again, not before', async () => {
    const play = newPlay()
    await play.keepWarm('a')
    await play.fail('ensure resources')
    await play.end('take replicas down')
    await play.keepWarm('a')
    expect(play.state).toBe('cold')
    await play.pass(1_000)
    await play.keepWarm('a')
    expect(play.state).toBe('creatingResources')
  })

  it('that died is loaded again when the schedule speaks again, so that it cannot die in a circle', async () => {
    const play = newPlay()
    await play.keepWarm('a')
    await play.load()
    await play.loseReplica()
    await play.end('take replicas down')
    expect(play.state).toBe('cold')
    await play.keepWarm('a')
    expect(play.state).toBe('creatingResources')
  })

  it('stays down when an operator stops it, until the next window or a start', async () => {
    const play = newPlay()
    await play.keepWarm('a', 'Monday')
    await play.load()
    await play.stop()
    await play.end('drain leases')
    await play.end('take replicas down')
    await play.keepWarm('a', 'Monday')
    expect(play.state).toBe('cold')
    await play.keepWarm('a', 'Tuesday')
    expect(play.state).toBe('creatingResources')
  })

  it('stays down also when an operator stops it just after it died', async () => {
    const play = newPlay()
    await play.keepWarm('a', 'Monday')
    await play.load()
    await play.loseReplica()
    await play.end('take replicas down')
    await play.stop()
    await play.keepWarm('a', 'Monday')
    expect(play.state).toBe('cold')
    await play.keepWarm('a', 'Tuesday')
    expect(play.state).toBe('creatingResources')
  })

  it('is loaded again when an operator takes the stop back', async () => {
    const play = newPlay()
    await play.keepWarm('a')
    await play.load()
    await play.stop({ hold: true })
    await play.end('drain leases')
    await play.end('take replicas down')
    await play.start()
    await play.keepWarm('a')
    expect(play.state).toBe('creatingResources')
  })

  it('is not loaded by a program that only follows, but by it as soon as it leads', async () => {
    const play = newPlay()
    await play.see({ leads: false })
    await play.keepWarm('a')
    expect(play.state).toBe('cold')
    await play.see({ leads: true })
    expect(play.state).toBe('creatingResources')
  })

  it('that leaves the catalogue goes as any other', async () => {
    const play = newPlay()
    await play.keepWarm('a')
    await play.load()
    await play.remove('a')
    expect(play.state).toBe('idle.draining')
    await play.end('drain leases')
    await play.end('take replicas down')
    expect(play.state).toBe('cold')
  })
})

describe('minIdleReplicas', () => {
  it('of 1 keeps what is loaded, and loads nothing', async () => {
    const play = newPlay({ settings: { minIdleReplicas: 1 } })
    await play.pass(600 * minute)
    expect(play.state).toBe('cold')
    await reach(play, 'ready.quiet')
    await play.pass(600 * minute)
    expect(play.state).toBe('ready.quiet')
  })

  it('of 1 makes room for what is kept warm', async () => {
    const play = newPlay({ settings: { minIdleReplicas: 1 } })
    await reach(play, 'ready.quiet')
    await play.keepWarm('b')
    await play.pass(30_000)
    expect(play.state).toBe('idle.rechecking')
  })

  it('of 0 is as ever, also for a model whose idle timeout is changed to one', async () => {
    const play = newPlay({
      settings: { minIdleReplicas: 0 },
      models: { ...threeModels, a: model('a', { idleTimeoutMs: 0 }) },
    })
    await reach(play, 'ready.quiet')
    await play.change('a', { idleTimeoutMs: 5_000 })
    await play.pass(5_000)
    expect(play.state).toBe('idle.rechecking')
  })
})
