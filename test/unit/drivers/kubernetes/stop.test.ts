import { describe, expect, it, vi } from 'vitest'
import { becomes, FakeCluster, fault, theirDeployment } from './cluster/index.ts'
import { drive, eventually, failure, finish, pass, standStill, until } from './driving.ts'
import { startEngine } from './fake-engine.ts'

vi.mock('node:timers/promises', () => import('./delays.ts'))
standStill()

/** A backend that serves `a`. */
async function loaded(...given: Parameters<typeof drive>) {
  const engine = await startEngine('a')
  const driven = await drive(...given)
  const { cluster } = driven
  cluster.podsOn(engine.port)
  await driven.load('a')
  cluster.calls.forget()
  engine.asked.length = 0
  return { ...driven, engine, pod: cluster.all('Pod')[0]!.metadata!.name! }
}

const progressOf = (cluster: FakeCluster) => {
  const key = 'vllm-chill.efortin.github.io/progress'
  const text = cluster.lease?.metadata?.annotations?.[key] ?? '{}'
  return (JSON.parse(text) as { backends: Record<string, unknown> }).backends
}

describe('a stop', () => {
  it('of what is not there changes nothing', async () => {
    const { cluster, ensure, stop } = await drive()
    await finish(ensure('a'))
    cluster.calls.forget()
    await finish(stop())
    expect(cluster.calls.writes).toEqual([])
  })

  it('scales to none, and is done when the last pod is gone', async () => {
    const { cluster, stop } = await loaded()
    cluster.podsLeaveSlowly = true
    const stopped = vi.fn()
    const done = stop().then(stopped)
    await eventually(() => cluster.deployment?.spec?.replicas === 0)
    await pass(30_000)
    expect(stopped).not.toHaveBeenCalled()
    cluster.endPods()
    await finish(done)
    expect(cluster.calls.writes).toEqual(['scale vllm 0'])
  })

  it('also waits for pods that leave already', async () => {
    const { cluster, stop } = await loaded()
    cluster.podsLeaveSlowly = true
    cluster.scale(0)
    const stopped = vi.fn()
    const done = stop().then(stopped)
    await pass(30_000)
    expect(stopped).not.toHaveBeenCalled()
    cluster.endPods()
    await finish(done)
    expect(cluster.calls.writes).toEqual([])
  })

  it('does not wait for a pod that its node has ended for good', async () => {
    const { cluster, stop, pod } = await loaded()
    cluster.edit('Pod', pod, ({ status }) => {
      status!.phase = 'Failed'
    })
    await finish(stop())
    expect(cluster.find('Pod', pod)).toBeDefined()
  })

  it('is noted for others from before the scale until it is done', async () => {
    const { cluster, stop } = await loaded()
    let noted: unknown
    cluster.calls.after('scale vllm 0', () => {
      noted = progressOf(cluster)
    })
    await finish(stop())
    expect(noted).toMatchObject({ vllm: { doing: 'leaving' } })
    expect(progressOf(cluster)).toEqual({})
  })

  it('tells that nothing is there before it is done', async () => {
    const { follow, stop } = await loaded()
    const { sights } = follow()
    await finish(stop())
    expect(sights.map(({ observed }) => observed.found)).toEqual(['ready', 'leaving', 'nothing'])
  })

  it('is done when somebody has deleted the Deployment, and its pods have gone', async () => {
    const { cluster, stop } = await loaded()
    cluster.podsLeaveSlowly = true
    cluster.remove('Deployment', 'vllm')
    const done = stop()
    await pass(2_000)
    cluster.endPods()
    await finish(done)
    expect(cluster.calls.writes).toEqual([])
  })

  it('is of pods that a foreign Deployment chooses in its own way', async () => {
    const engine = await startEngine('a')
    const cluster = new FakeCluster()
    cluster.add(theirDeployment())
    cluster.scale(1)
    cluster.podsOn(engine.port)
    cluster.podsLeaveSlowly = true
    const { stop } = await drive({ cluster, options: { manages: false } })
    const stopped = vi.fn()
    const done = stop().then(stopped)
    await eventually(() => cluster.deployment?.spec?.replicas === 0)
    await pass(5_000)
    expect(stopped).not.toHaveBeenCalled()
    cluster.endPods()
    await finish(done)
  })

  it('scales down again where somebody scales up meanwhile, and says so', async () => {
    const { cluster, stop, warnings } = await loaded()
    cluster.podsLeaveSlowly = true
    const done = stop()
    await eventually(() => cluster.deployment?.spec?.replicas === 0)
    cluster.scale(1)
    await eventually(() => cluster.deployment?.spec?.replicas === 0)
    cluster.endPods()
    await finish(done)
    expect(warnings()).toEqual(['vllm was scaled up while it is brought down'])
  })

  it('gives way to somebody who scales up again and again', async () => {
    const { cluster, stop, warnings } = await loaded()
    cluster.podsLeaveSlowly = true
    const failed = failure(stop())
    for (const _ of [1, 2, 3]) {
      await eventually(() => cluster.deployment?.spec?.replicas === 0)
      cluster.scale(1)
    }
    expect(await failed).toMatchObject({
      message: 'somebody scales vllm up while it is brought down',
    })
    expect(warnings().at(-1)).toBe(
      'vllm cannot be brought down: somebody scales vllm up while it is brought down',
    )
  })

  it('is not begun by a program that follows', async () => {
    const { cluster } = await loaded()
    const { stop } = await drive({ cluster, identity: 'another' })
    expect(await failure(stop())).toMatchObject({ name: 'NotLeading' })
    expect(cluster.calls.writes).toEqual([])
  })

  it('ends when another program leads', async () => {
    const { cluster, stop } = await loaded()
    cluster.podsLeaveSlowly = true
    const ended = failure(stop())
    await eventually(() => cluster.deployment?.spec?.replicas === 0)
    cluster.giveLeaseTo('another')
    expect(await ended).toMatchObject({ name: 'NotLeading' })
  })

  it('that nobody wants any more ends without a word', async () => {
    const { cluster, stop, abort, warnings } = await loaded()
    cluster.podsLeaveSlowly = true
    const ended = failure(stop())
    await eventually(() => cluster.deployment?.spec?.replicas === 0)
    abort('it takes too long')
    expect(await ended).toMatchObject({ message: 'it takes too long' })
    expect(warnings()).toEqual([])
  })
})

describe('trouble of the API server during a stop', () => {
  it('is told, and can be tried again', async () => {
    const { cluster, stop, warnings } = await loaded()
    cluster.calls.fail('scale vllm 0', fault(500, 'scale: internal error'))
    expect(await failure(stop())).toMatchObject({ code: 500 })
    expect(warnings()).toEqual(['vllm cannot be brought down: scale: internal error'])
    await finish(stop())
    expect(cluster.all('Pod')).toEqual([])
  })

  it('does not let what was known before look like the end', async () => {
    const { cluster, stop } = await loaded()
    cluster.podsLeaveSlowly = true
    const mend = cluster.calls.break('list', fault(0))
    const stopped = vi.fn()
    const done = stop().then(stopped)
    await eventually(() => cluster.deployment?.spec?.replicas === 0)
    cluster.isWatchSilent = true
    cluster.endPods()
    await pass(10_000)
    expect(stopped).not.toHaveBeenCalled()
    mend()
    await finish(done)
  })
})

describe('a scale-down that was begun', () => {
  it('is brought to its end by a program that ends', async () => {
    const { cluster, driver, stop, abort } = await loaded()
    const answer = cluster.calls.hold('scale vllm 0')
    const ended = failure(stop())
    await eventually(() => cluster.calls.writes.includes('scale vllm 0'))
    abort()
    await ended
    const closed = vi.fn()
    const close = driver.close().then(closed)
    await pass(5_000)
    expect(closed).not.toHaveBeenCalled()
    answer()
    await finish(close)
    expect(cluster.deployment?.spec?.replicas).toBe(0)
  })
})

describe('what other programs have in flight', () => {
  /** A follower that has seen all of it, for as long as it signs. */
  const follower = (cluster: FakeCluster, seen: number) =>
    cluster.annotateLease('followers', { other: { seen, at: new Date().toISOString() } })

  const isScaledDown = (cluster: FakeCluster) => cluster.calls.writes.includes('scale vllm 0')

  it('begins nothing new before it is cut: each of them has seen what comes', async () => {
    const { cluster, stop } = await loaded()
    follower(cluster, 0)
    await pass(2_001)
    const done = stop()
    await pass(3_000)
    expect(isScaledDown(cluster)).toBe(false)
    follower(cluster, 1_000)
    await finish(done)
    expect(isScaledDown(cluster)).toBe(true)
  })

  it('runs to its end', async () => {
    const { cluster, engine, stop } = await loaded()
    engine.load = { running: 1, waiting: 0 }
    const done = stop()
    await eventually(() => engine.asked.length > 5)
    expect(isScaledDown(cluster)).toBe(false)
    engine.load = { running: 0, waiting: 1 }
    await eventually(() => engine.asked.length > 7)
    expect(isScaledDown(cluster)).toBe(false)
    engine.load = { running: 0, waiting: 0 }
    await finish(done)
  })

  it('is cut after its time, where that is allowed, and the log says so', async () => {
    const { cluster, engine, stop, log } = await loaded({ options: { cutAfterMs: 5_000 } })
    engine.load = { running: 2, waiting: 1 }
    const done = stop()
    await eventually(() => engine.asked.length > 3)
    expect(isScaledDown(cluster)).toBe(false)
    await finish(done)
    expect(log.warn).toHaveBeenCalledWith(
      { backend: 'vllm', running: 2, waiting: 1 },
      'requests of other programs are cut',
    )
  })

  it('is not waited for where the engine does not say', async () => {
    const { engine, stop } = await loaded()
    engine.load = undefined
    await finish(stop())
    expect(engine.asked).toEqual(['/metrics'])
  })

  it('runs to its end also when its engine has failed to say once', async () => {
    const { cluster, engine, stop } = await loaded()
    engine.load = { running: 1, waiting: 0 }
    engine.metricsStatus = 500
    const done = stop()
    await eventually(() => engine.asked.length === 1)
    engine.metricsStatus = 200
    await eventually(() => engine.asked.length === 3)
    expect(isScaledDown(cluster)).toBe(false)
    engine.load = { running: 0, waiting: 0 }
    await finish(done)
  })

  it('is not waited for where the engine answers no more', async () => {
    const { cluster, engine, stop } = await loaded({ options: { cutAfterMs: 3_600_000 } })
    engine.isSilent = true
    await finish(stop())
    expect(isScaledDown(cluster)).toBe(true)
  })

  it('runs to its end where its pod is too busy to be Ready', async () => {
    const { cluster, engine, stop, pod } = await loaded()
    engine.load = { running: 1, waiting: 0 }
    cluster.edit('Pod', pod, becomes('not Ready'))
    const done = stop()
    await eventually(() => engine.asked.filter((path) => path === '/metrics').length > 2)
    expect(isScaledDown(cluster)).toBe(false)
    engine.load = { running: 0, waiting: 0 }
    await finish(done)
  })

  it('runs to its end also at the second try', async () => {
    const first = await loaded()
    const { cluster, engine, driver } = first
    engine.load = { running: 1, waiting: 0 }
    const ended = failure(first.stop())
    await eventually(() => engine.asked.length > 1)
    first.abort('it takes too long')
    await ended
    engine.asked.length = 0
    const done = driver.stop('vllm', new AbortController().signal)
    await eventually(() => engine.asked.length > 2)
    expect(isScaledDown(cluster)).toBe(false)
    engine.load = { running: 0, waiting: 0 }
    await finish(done)
  })

  it('has its time in all, and not with each try anew', async () => {
    const first = await loaded({ options: { cutAfterMs: 5_000 } })
    const { engine, driver } = first
    engine.load = { running: 1, waiting: 0 }
    const ended = failure(first.stop())
    await eventually(() => engine.asked.length > 1)
    first.abort('it takes too long')
    await ended
    await pass(5_000)
    engine.asked.length = 0
    await finish(driver.stop('vllm', new AbortController().signal))
    expect(engine.asked.filter((path) => path === '/metrics')).toHaveLength(1)
  })

  it('runs to its end also where the program that began has died', async () => {
    const first = await loaded({ identity: 'before' })
    const { cluster, engine } = first
    const since = new Date().toISOString()
    const backends = { vllm: { doing: 'leaving', since } }
    await finish(first.driver.close())
    cluster.annotateLease('progress', { version: 50, backends })
    engine.load = { running: 1, waiting: 0 }
    const { stop, observe } = await drive({ cluster })
    expect(await observe()).toEqual({ found: 'leaving' })
    engine.asked.length = 0
    const done = stop()
    await eventually(() => engine.asked.length > 2)
    expect(isScaledDown(cluster)).toBe(false)
    engine.load = { running: 0, waiting: 0 }
    await finish(done)
  })
})

describe('the load of the engines', () => {
  it('is summed over all that serve', async () => {
    const { cluster, driver, engine, signal } = await loaded()
    const second = await startEngine('a')
    second.load = { running: 1, waiting: 2 }
    engine.load = { running: 10, waiting: 20 }
    cluster.makePod({ port: second.port })
    await until(() => second.asked.includes('/v1/models'))
    await finish(driver.observe('vllm'))
    const load = await finish(driver.engineLoad('vllm', signal))
    expect(load).toEqual({ running: 11, waiting: 22 })
  })

  it('is unknown where they do not say', async () => {
    const { driver, engine, signal } = await loaded()
    engine.load = undefined
    expect(await finish(driver.engineLoad('vllm', signal))).toBeUndefined()
  })

  it('cannot be asked for where none is ready', async () => {
    const { driver, signal } = await drive()
    const { message } = await failure(driver.engineLoad('vllm', signal))
    expect(message).toBe('no pod of backend vllm is ready')
  })
})
