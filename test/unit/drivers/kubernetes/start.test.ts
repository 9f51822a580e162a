import { describe, expect, it, vi } from 'vitest'
import { becomes, FakeCluster, fault, theirConfigMap, theirDeployment } from './cluster/index.ts'
import { catalogueOf, drive, failure, finish, modelOf, pass, standStill, until } from './driving.ts'
import { startEngine } from './fake-engine.ts'

vi.mock('node:timers/promises', () => import('./delays.ts'))
standStill()

/** A program that leads, the resources of `a`, and an engine that serves it; no pod comes by itself. */
async function prepared(...given: Parameters<typeof drive>) {
  const engine = await startEngine('a')
  const driven = await drive(...given)
  await finish(driven.ensure('a'))
  driven.cluster.calls.forget()
  return { ...driven, engine }
}

const progressOf = (cluster: FakeCluster): unknown =>
  JSON.parse(
    cluster.find('Lease', 'vllm-chill')?.metadata?.annotations?.[
      'vllm-chill.efortin.github.io/progress'
    ] ?? '{}',
  )

describe('a start', () => {
  it('scales to one, and is done when a pod itself names the model', async () => {
    const { cluster, engine, start } = await prepared()
    cluster.podsOn(engine.port)
    const { endpoints, revision } = await finish(start('a'))
    expect(cluster.calls.writes).toEqual(['scale vllm 1'])
    expect(endpoints).toMatchObject([{ url: engine.url, maxInFlight: modelOf('a').maxInFlight }])
    expect(revision).toBe(modelOf('a').facts.revision)
  })

  it('is of the revision that the resources were really made of', async () => {
    const { cluster, engine, catalogue, order, driver, signal, onPhase } = await prepared()
    cluster.podsOn(engine.port)
    const ordered = order('a')
    catalogue.set(modelOf('a', { maxModelLen: 4_096 }))
    await finish(driver.ensureResources(ordered, signal))
    const { revision } = await finish(driver.start(ordered, signal, onPhase))
    expect(revision).toBe(order('a').model.revision)
    expect(revision).not.toBe(ordered.model.revision)
  })

  it('is noted for others from before its scale until it is done', async () => {
    const { cluster, engine, start } = await prepared()
    let noted: unknown
    cluster.calls.after('scale vllm 1', () => {
      noted = progressOf(cluster)
    })
    cluster.podsOn(engine.port)
    const began = new Date().toISOString()
    await finish(start('a'))
    const { name: model, revision } = modelOf('a').facts
    const vllm = { doing: 'starting', model, revision, since: began }
    expect(noted).toMatchObject({ backends: { vllm } })
    expect(progressOf(cluster)).toMatchObject({ backends: {} })
  })

  it('goes on where a program before it began, counted from then', async () => {
    const first = await prepared({ identity: 'before' })
    const { cluster, engine } = first
    void first.start('a').catch(() => undefined)
    await until(() => cluster.deployment?.spec?.replicas === 1)
    const before = progressOf(cluster)
    first.abort()
    await finish(first.driver.close())
    await pass(60_000)
    const { start, observe } = await drive({ cluster })
    expect(await observe()).toMatchObject({ found: 'starting', model: 'a' })
    cluster.podsOn(engine.port)
    let noted: unknown
    cluster.calls.after('list Pod', () => {
      noted = progressOf(cluster)
    })
    await finish(start('a'))
    expect(noted).toEqual(before)
  })

  it('leaves as many replicas as somebody wanted, and takes all that are Ready', async () => {
    const { cluster, engine, start } = await prepared()
    cluster.scale(2)
    cluster.makePod({ port: engine.port })
    cluster.makePod({ port: engine.port })
    expect((await finish(start('a'))).endpoints).toHaveLength(2)
    expect(cluster.calls.writes).toEqual([])
  })

  it('tells how far it is, each step once', async () => {
    const { cluster, engine, start, onPhase } = await prepared()
    const started = finish(start('a'))
    await until(() => onPhase.mock.calls.length === 1)
    const { metadata } = cluster.makePod({
      port: engine.port,
      ready: false,
      container: { state: { waiting: { reason: 'ContainerCreating' } } },
    })
    const name = metadata!.name!
    await until(() => onPhase.mock.calls.length === 2)
    cluster.edit('Pod', name, ({ status }) => {
      status!.containerStatuses![0]!.state = { running: {} }
    })
    await until(() => onPhase.mock.calls.length === 3)
    cluster.edit('Pod', name, becomes('Ready'))
    await started
    expect(onPhase.mock.calls).toEqual([
      ['resources', undefined],
      ['image', undefined],
      ['loading', undefined],
    ])
  })

  it('waits for an engine that does not answer yet though its pod is Ready', async () => {
    const { cluster, engine, start } = await prepared()
    engine.isHealthy = false
    cluster.podsOn(engine.port)
    const started = start('a')
    await until(() => engine.asked.length > 0)
    engine.isHealthy = true
    expect(await finish(started)).toMatchObject({ endpoints: [{ url: engine.url }] })
  })

  it('shows the key that the engine wants', async () => {
    const { cluster, engine, start } = await prepared({ options: { backendApiKey: 'secret' } })
    engine.apiKey = 'secret'
    cluster.podsOn(engine.port)
    expect((await finish(start('a'))).endpoints).toHaveLength(1)
  })

  it('takes another name of its engine for what it is', async () => {
    const catalogue = catalogueOf(modelOf('a', { maxInFlight: 3 }))
    const { cluster, engine, start } = await prepared({ catalogue })
    engine.names = ['unknown', 'a']
    cluster.podsOn(engine.port)
    const { endpoints } = await finish(start('a'))
    expect(endpoints).toMatchObject([{ maxInFlight: 3 }])
  })

  it('ends when nobody wants it any more', async () => {
    const { start, abort } = await prepared()
    const ended = failure(start('a'))
    await pass(1_000)
    abort('somebody stopped it')
    expect(await ended).toMatchObject({ message: 'somebody stopped it' })
  })

  it('ends when another program leads', async () => {
    const { cluster, start } = await prepared()
    const ended = failure(start('a'))
    await pass(1_000)
    cluster.giveLeaseTo('another')
    expect(await ended).toMatchObject({ name: 'NotLeading' })
  })

  it('is not begun by a program that follows', async () => {
    const { cluster } = await prepared()
    const { start } = await drive({ cluster, identity: 'another' })
    expect(await failure(start('a'))).toMatchObject({ name: 'NotLeading' })
    expect(cluster.calls.writes).toEqual([])
  })
})

describe('the scale of a start', () => {
  it('is read again where somebody has written meanwhile', async () => {
    const { cluster, engine, start } = await prepared()
    cluster.podsOn(engine.port)
    cluster.calls.after('read scale', () =>
      cluster.edit('Deployment', 'vllm', ({ metadata }) => {
        metadata!.labels!['more'] = 'label'
      }),
    )
    await finish(start('a'))
    expect(cluster.calls.writes).toEqual(['scale vllm 1', 'scale vllm 1'])
  })

  it('is given up where somebody writes all the time', async () => {
    const { cluster, start } = await prepared()
    cluster.calls.break('scale vllm', fault(409, 'the object has been modified'))
    expect(await failure(start('a'))).toMatchObject({ message: 'the object has been modified' })
    expect(cluster.calls.writes).toHaveLength(20)
  })

  it('is written again where somebody scales to none, and a second time is obeyed', async () => {
    const { cluster, start } = await prepared()
    const ended = failure(start('a'))
    await until(() => cluster.deployment?.spec?.replicas === 1)
    cluster.scale(0)
    await until(() => cluster.deployment?.spec?.replicas === 1)
    cluster.scale(0)
    expect(await ended).toMatchObject({
      failure: { reason: 'resources', message: 'somebody scales it to 0 while it starts' },
    })
    expect(cluster.deployment?.spec?.replicas).toBe(0)
  })

  it('finds that the Deployment is gone', async () => {
    const { cluster, start } = await prepared()
    cluster.remove('Deployment', 'vllm')
    const failed = {
      reason: 'resources',
      message: expect.stringContaining('was deleted') as string,
    }
    expect(await failure(start('a'))).toMatchObject({ failure: failed })
  })
})

describe('trouble of the API server', () => {
  it('is no failure of a start that is under way', async () => {
    const { cluster, engine, start } = await prepared()
    const started = start('a')
    await until(() => cluster.deployment?.spec?.replicas === 1)
    const mend = cluster.calls.break('list', fault(503))
    await pass(30_000)
    mend()
    cluster.podsOn(engine.port)
    expect(await finish(started)).toMatchObject({ endpoints: [{ url: engine.url }] })
  })

  it('hides nothing for good where the watch is silent, too', async () => {
    const { cluster, engine, start } = await prepared()
    cluster.isWatchSilent = true
    cluster.podsOn(engine.port)
    expect(await finish(start('a'))).toMatchObject({ endpoints: [{ url: engine.url }] })
  })

  it('does not let what was known before the scale look like somebody’s scale to none', async () => {
    const { cluster, engine, start } = await prepared()
    cluster.isWatchSilent = true
    const mend = cluster.calls.break('list', fault(500))
    const started = start('a')
    await pass(10_000)
    expect(cluster.calls.writes).toEqual(['scale vllm 1'])
    mend()
    cluster.podsOn(engine.port)
    await finish(started)
    expect(cluster.calls.writes).toEqual(['scale vllm 1'])
  })

  it('in a forwarded port only delays the start', async () => {
    const { cluster, engine, start } = await prepared({
      options: { endpointMode: 'service', inCluster: false },
    })
    cluster.calls.fail('forward', fault(503), 5)
    cluster.podsOn(engine.port)
    expect(await finish(start('a'))).toMatchObject({ endpoints: [{ url: engine.url }] })
  })
})

describe('a start of a Deployment that is only scaled', () => {
  const options = { manages: false }

  it('serves what it serves', async () => {
    const engine = await startEngine('b')
    const cluster = new FakeCluster()
    cluster.add(theirDeployment())
    cluster.add(theirConfigMap({ SERVED_MODEL_NAME: 'b' }))
    cluster.podsOn(engine.port)
    const { start, order } = await drive({ cluster, options })
    const { endpoints, revision } = await finish(start('b'))
    expect(endpoints).toMatchObject([{ url: engine.url }])
    expect(revision).toBe(order('b').model.revision)
    expect(cluster.calls.writes).toEqual(['scale vllm 1'])
  })
})
