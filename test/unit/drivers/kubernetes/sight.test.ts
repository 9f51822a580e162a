import { describe, expect, it, vi } from 'vitest'
import type { BackendPlace } from '../../../../src/drivers/kubernetes/index.ts'
import { FakeCluster, fault, theirConfigMap, theirDeployment } from './cluster/index.ts'
import { drive, eventually, failure, finish, modelOf, pass, standStill, until } from './driving.ts'
import { startEngine } from './fake-engine.ts'
import { place } from './resources/place.ts'

vi.mock('node:timers/promises', () => import('./delays.ts'))
standStill()

async function loaded(...given: Parameters<typeof drive>) {
  const engine = await startEngine('a')
  const driven = await drive(...given)
  driven.cluster.podsOn(engine.port)
  await driven.load('a')
  engine.asked.length = 0
  return { ...driven, engine, pod: driven.cluster.all('Pod')[0]!.metadata!.name! }
}

describe('a sight', () => {
  it('is told at once, and then with each change of what is seen', async () => {
    const driven = await drive()
    const { cluster, driver, stop } = driven
    const engine = await startEngine('a')
    const { sights } = driven.follow()
    expect(sights).toEqual([{ observed: { found: 'nothing' }, leads: true, refusals: {} }])
    cluster.podsOn(engine.port)
    await driven.load('a')
    await finish(stop())
    const found = sights.map(({ observed }) => observed.found)
    const steps = found.filter((each, index) => each !== found[index - 1])
    expect(steps).toEqual(['nothing', 'starting', 'ready', 'leaving', 'nothing'])
    expect(driver.leads).toBe(true)
  })

  it('is not told again while nothing but time has passed', async () => {
    const { cluster, follow, ensure, start } = await drive()
    await finish(ensure('a'))
    const { sights } = follow()
    void start('a').catch(() => undefined)
    await until(() => cluster.deployment?.spec?.replicas === 1)
    const { metadata } = cluster.makePod({ ready: false })
    const touch = (label: string) =>
      cluster.edit('Pod', metadata!.name!, (pod) => {
        pod.metadata!.labels!['more'] = label
      })
    await pass(1_000)
    touch('once')
    const told = sights.length
    await pass(10_000)
    touch('twice')
    await pass(10_000)
    expect(sights.at(-1)?.observed.found).toBe('starting')
    expect(sights).toHaveLength(told)
  })

  it('is told to the last one who asked, until that one has enough', async () => {
    const { cluster, follow, ensure } = await drive()
    await finish(ensure('a'))
    const first = follow()
    const second = follow()
    first.unfollow()
    cluster.scale(1)
    expect(first.sights).toHaveLength(1)
    expect(second.found()).toBe('starting')
    second.unfollow()
    cluster.scale(0)
    expect(second.sights).toHaveLength(2)
  })

  it('shows what somebody else has scaled up, and asks its pod by itself', async () => {
    const { cluster, follow, ensure } = await drive()
    const engine = await startEngine('a')
    await finish(ensure('a'))
    cluster.podsOn(engine.port)
    const { found } = follow()
    cluster.scale(1)
    await eventually(() => found() === 'ready')
  })

  it('asks a pod again and again that did not answer at first', async () => {
    const { cluster, follow, ensure } = await drive()
    const engine = await startEngine('a')
    engine.isHealthy = false
    await finish(ensure('a'))
    cluster.podsOn(engine.port)
    const { found } = follow()
    cluster.scale(1)
    await eventually(() => engine.asked.length === 4)
    engine.isHealthy = true
    await eventually(() => found() === 'ready')
  })

  it('is told before the loss that it explains', async () => {
    const { cluster, driver, pod } = await loaded()
    const told: string[] = []
    driver.follow?.('vllm', ({ observed }) => told.push(observed.found))
    driver.watch('vllm', () => told.push('lost'))
    await pass(1)
    cluster.scale(0)
    cluster.remove('Pod', pod)
    expect(told).toEqual(['ready', 'leaving', 'nothing', 'lost'])
  })

  it('names the models that cannot be started here, and why, as soon as that is known', async () => {
    const cluster = new FakeCluster()
    cluster.add(theirDeployment())
    cluster.add(theirConfigMap())
    const { follow, catalogue } = await drive({ cluster })
    const { sights } = follow()
    catalogue.set(modelOf('b', { image: 'other:2' }))
    expect(sights.at(-1)?.refusals).toEqual({
      b: {
        reason: 'resources',
        message: expect.stringContaining('the model wants other:2') as string,
      },
    })
    cluster.remove('Deployment', 'vllm')
    expect(sights.at(-1)?.refusals).toEqual({})
  })

  it('refuses no model where it is only scaled', async () => {
    const cluster = new FakeCluster()
    cluster.add(theirDeployment())
    const { follow, catalogue } = await drive({ cluster, options: { manages: false } })
    const { sights } = follow()
    catalogue.set(modelOf('b', { image: 'other:2' }))
    expect(sights.at(-1)?.refusals).toEqual({})
  })
})

describe('the sight of a program that follows', () => {
  it('shows what the leader serves, and says that it does not lead', async () => {
    const { cluster } = await loaded()
    const { follow, driver } = await drive({ cluster, identity: 'another' })
    const { sights, found } = follow()
    await eventually(() => found() === 'ready')
    expect(sights.at(-1)).toMatchObject({ observed: { model: 'a' }, leads: false })
    expect(driver.leads).toBe(false)
    expect(driver.leader?.()).toBe('me')
  })

  it('shows within seconds that the leader takes it down, while its pod still serves', async () => {
    const leader = await loaded()
    const { cluster, engine } = leader
    const { follow } = await drive({ cluster, identity: 'another' })
    const { found } = follow()
    await eventually(() => found() === 'ready')
    engine.load = { running: 1, waiting: 0 }
    const stopped = leader.stop()
    const begun = performance.now()
    await eventually(() => found() === 'leaving')
    expect(performance.now() - begun).toBeLessThan(5_000)
    expect(cluster.all('Pod')).toHaveLength(1)
    engine.load = { running: 0, waiting: 0 }
    await finish(stopped)
    await eventually(() => found() === 'nothing')
  })

  it('says that it leads as soon as the leader has ended', async () => {
    const leader = await loaded()
    const { follow } = await drive({ cluster: leader.cluster, identity: 'another' })
    const { sights } = follow()
    await finish(leader.driver.close())
    await eventually(() => sights.at(-1)?.leads === true)
  })

  it('is no longer of a leader once another one has the Lease', async () => {
    const { cluster, follow } = await loaded()
    const { sights } = follow()
    cluster.giveLeaseTo('another')
    await eventually(() => sights.at(-1)?.leads === false)
    expect(sights.at(-1)).toMatchObject({ observed: { found: 'ready' } })
  })
})

describe('what is changed of ours', () => {
  const change = (cluster: FakeCluster, dtype = 'half') =>
    cluster.edit('ConfigMap', 'vllm-config', ({ data }) => {
      data!['DTYPE'] = dtype
    })
  const dtype = (cluster: FakeCluster) => cluster.find('ConfigMap', 'vllm-config')?.data?.['DTYPE']

  it('is put right, and the log says what it was', async () => {
    const { cluster, warnings } = await loaded()
    change(cluster)
    await pass(1)
    expect(dtype(cluster)).toBe('auto')
    expect(warnings()).toEqual([
      'ConfigMap ai/vllm-config: data.DTYPE was "half", is to be "auto" put right',
      'ConfigMap ai/vllm-config: put right: data.DTYPE by somebody',
    ])
  })

  it('is put right in all of its objects', async () => {
    const { cluster } = await loaded()
    cluster.edit('Service', 'vllm-svc', ({ spec }) => {
      spec!.selector = { app: 'else' }
    })
    cluster.edit('Deployment', 'vllm', ({ spec }) => {
      spec!.template.spec!.containers[0]!.image = 'other:1'
    })
    await pass(1)
    expect(cluster.find('Service', 'vllm-svc')?.spec?.selector).toMatchObject({ app: 'vllm' })
    expect(cluster.deployment?.spec?.template.spec?.containers[0]?.image).toMatch(/^vllm\//)
  })

  it('is put right also where it changes while another change is put right', async () => {
    const { cluster } = await loaded()
    const answer = cluster.calls.hold('apply ConfigMap')
    change(cluster)
    await pass(1)
    cluster.edit('Deployment', 'vllm', ({ spec }) => {
      spec!.strategy = { type: 'RollingUpdate' }
    })
    answer()
    await pass(1)
    expect(cluster.deployment?.spec?.strategy?.type).toBe('Recreate')
  })

  it('is left alone where somebody sets it again at once, and that is said', async () => {
    const { cluster, warnings } = await loaded()
    change(cluster)
    await pass(1_000)
    change(cluster)
    await pass(10_000)
    expect(dtype(cluster)).toBe('half')
    expect(warnings().at(-1)).toContain('what was changed cannot be put right: ')
  })

  it('stays as it is where only our own settings would have it otherwise now', async () => {
    const first = await loaded({ identity: 'before' })
    const { cluster } = first
    await finish(first.driver.close())
    cluster.calls.forget()
    const places = { vllm: place({ terminationGraceMs: 60_000 }) }
    const { observe } = await drive({ cluster, places })
    expect(await observe()).toMatchObject({ found: 'ready' })
    cluster.edit('Deployment', 'vllm', ({ metadata }) => {
      metadata!.labels!['more'] = 'label'
    })
    await pass(10_000)
    expect(cluster.calls.writes).toEqual([])
  })

  it('stays as it is where the manifest has changed, or is gone: the next start makes it anew', async () => {
    const { cluster, catalogue } = await loaded()
    cluster.calls.forget()
    catalogue.set(modelOf('a', { maxModelLen: 4_096 }))
    change(cluster)
    await pass(10_000)
    catalogue.remove('a')
    change(cluster, 'float')
    await pass(10_000)
    expect(cluster.calls.writes).toEqual([])
  })

  it('is left to the leader', async () => {
    const { cluster } = await loaded()
    cluster.giveLeaseTo('another')
    await pass(10_000)
    cluster.calls.forget()
    change(cluster)
    await pass(10_000)
    expect(cluster.calls.writes).toEqual([])
  })

  it('is not ours where its mark was taken away', async () => {
    const { cluster } = await loaded()
    cluster.calls.forget()
    cluster.edit('ConfigMap', 'vllm-config', ({ metadata }) => {
      delete metadata!.annotations
    })
    change(cluster)
    await pass(10_000)
    expect(cluster.calls.writes).toEqual([])
  })

  it('is made anew at the next start where it was deleted', async () => {
    const { cluster, ensure } = await loaded()
    cluster.remove('Service', 'vllm-svc')
    await pass(10_000)
    expect(cluster.find('Service', 'vllm-svc')).toBeUndefined()
    await finish(ensure('a'))
    expect(cluster.find('Service', 'vllm-svc')).toBeDefined()
  })

  it('does not hold up a start for ever where it cannot be put right', async () => {
    const { cluster, ensure } = await loaded()
    cluster.calls.fail('apply ConfigMap', fault(503))
    change(cluster)
    await finish(ensure('a'))
    expect(dtype(cluster)).toBe('auto')
  })

  it('is put right no more by a driver that is closed', async () => {
    const { cluster, driver, warnings } = await loaded()
    await finish(driver.close())
    change(cluster)
    await pass(10_000)
    expect(dtype(cluster)).toBe('half')
    expect(warnings()).toEqual([])
  })
})

describe('two backends', () => {
  const places: Record<string, BackendPlace> = {
    vllm: place(),
    other: place({
      backend: 'other',
      deployment: 'other',
      configMap: 'other-config',
      service: 'other-svc',
    }),
  }

  it('have objects of their own', async () => {
    const { cluster, driver, order, signal } = await drive({ places })
    await finish(driver.ensureResources(order('b', 'other'), signal))
    expect(cluster.find('ConfigMap', 'vllm-config')?.data).toMatchObject({ SERVED_MODEL_NAME: 'a' })
    expect(cluster.find('ConfigMap', 'other-config')?.data).toMatchObject({
      SERVED_MODEL_NAME: 'b',
    })
  })

  it('wait for the GPU that the other one gives back', async () => {
    const { cluster, driver, order, signal, onPhase } = await drive({ places })
    await finish(driver.ensureResources(order('a'), signal))
    cluster.scale(1)
    const old = cluster.makePod({ ready: false }).metadata!.name!
    cluster.podsLeaveSlowly = true
    cluster.deletePod(old)
    await finish(driver.ensureResources(order('b', 'other'), signal))
    const started = failure(driver.start(order('b', 'other'), signal, onPhase))
    await until(() => cluster.find('Deployment', 'other')?.spec?.replicas === 1)
    const message = '0/1 nodes are available'
    cluster.makePod({ unschedulable: { message, since: Date.now() } }, 'other')
    await pass(60_000)
    expect(onPhase).toHaveBeenLastCalledWith(
      'scheduling',
      expect.stringContaining('what holds the GPU is just leaving'),
    )
    cluster.endPods()
    expect(await started).toMatchObject({ failure: { reason: 'unschedulable' } })
  })
})
