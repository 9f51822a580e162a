import { describe, expect, it } from 'vitest'
import { becomes, FakeCluster, theirConfigMap, theirDeployment } from './cluster/index.ts'
import { catalogueOf, drive, failure, finish, modelOf, standStill } from './driving.ts'
import { startEngine } from './fake-engine.ts'

standStill()

const { revision } = modelOf('a').facts

/** A cluster where `a` was loaded by a program that is gone. */
async function loaded() {
  const engine = await startEngine('a')
  const before = await drive({ identity: 'before' })
  const { cluster } = before
  cluster.podsOn(engine.port)
  await before.load('a')
  await finish(before.driver.close())
  return { engine, cluster, pod: cluster.all('Pod')[0]!.metadata!.name! }
}

describe('what is found of a backend', () => {
  it('is nothing where nothing was ever made', async () => {
    const { observe } = await drive({ options: { manages: false } })
    expect(await observe()).toEqual({ found: 'nothing' })
  })

  it('is nothing where a Deployment is at rest', async () => {
    const { ensure, observe } = await drive()
    await finish(ensure('a'))
    expect(await observe()).toEqual({ found: 'nothing' })
  })

  it('is ready, with where it is reached, where its pod names what it is meant to run', async () => {
    const { engine, cluster } = await loaded()
    const { observe } = await drive({ cluster })
    const { metadata, status } = cluster.all('Pod')[0]!
    const incarnation = `${metadata?.uid}/${status?.containerStatuses?.[0]?.containerID}`
    expect(await observe()).toEqual({
      found: 'ready',
      model: 'a',
      revision,
      endpoints: [{ url: engine.url, incarnation, maxInFlight: modelOf('a').maxInFlight }],
    })
  })

  it('is starting, and for how long, while its pod is not Ready', async () => {
    const { cluster, pod } = await loaded()
    cluster.edit('Pod', pod, becomes('not Ready'))
    const since = new Date(Date.now() - 90_000).toISOString()
    const doing = { doing: 'starting', model: 'a', revision, since }
    cluster.annotateLease('progress', { version: 9, backends: { vllm: doing } })
    const { observe } = await drive({ cluster })
    const observed = await observe()
    expect(observed).toMatchObject({ found: 'starting', model: 'a', revision })
    expect((observed as { elapsedMs: number }).elapsedMs).toBeGreaterThanOrEqual(90_000)
  })

  it('is starting, for nobody knows how long, where somebody else began it', async () => {
    const { cluster, pod } = await loaded()
    cluster.edit('Pod', pod, becomes('not Ready'))
    const { observe } = await drive({ cluster })
    expect(await observe()).toEqual({ found: 'starting', model: 'a', revision })
  })

  it('is not ready while its pod is Ready and serves something else', async () => {
    const { engine, cluster } = await loaded()
    engine.names = ['b']
    const { observe } = await drive({ cluster })
    expect(await observe()).toMatchObject({ found: 'starting', model: 'a' })
  })

  it('is leaving while pods of a Deployment without replicas are still there', async () => {
    const { cluster } = await loaded()
    cluster.podsLeaveSlowly = true
    cluster.scale(0)
    const { observe } = await drive({ cluster })
    expect(await observe()).toEqual({ found: 'leaving' })
    cluster.endPods()
    expect(await observe()).toEqual({ found: 'nothing' })
  })

  it('is leaving while its leader says so, whatever its pods say', async () => {
    const { cluster } = await loaded()
    const doing = { doing: 'leaving', since: '' }
    cluster.annotateLease('progress', { version: 9, backends: { vllm: doing } })
    const { observe } = await drive({ cluster })
    expect(await observe()).toEqual({ found: 'leaving' })
  })

  it('is of an unknown model where a Deployment of ours does not say which', async () => {
    const { cluster } = await loaded()
    cluster.edit('Deployment', 'vllm', ({ spec }) => {
      delete spec!.template.metadata!.annotations
    })
    const { observe } = await drive({ cluster })
    expect(await observe()).toMatchObject({ found: 'starting', model: '', revision: '' })
  })

  it('says that the key is wrong rather than that it starts', async () => {
    const { engine, cluster } = await loaded()
    engine.apiKey = 'secret'
    const { driver } = await drive({ cluster })
    const error = await failure(driver.observe('vllm'))
    expect(error.message).toContain('the backend refuses our key (status 401)')
  })

  it('is of a backend that there is', async () => {
    const { driver } = await drive()
    expect(() => driver.observe('other')).toThrow('no backend is called "other"')
  })
})

describe('what is found of a Deployment that somebody else made', () => {
  async function theirs(data: Record<string, string> = {}) {
    const engine = await startEngine('a', 'also-a')
    const cluster = new FakeCluster()
    cluster.add(theirDeployment())
    cluster.add(theirConfigMap(data))
    cluster.podsOn(engine.port)
    cluster.scale(1)
    return { engine, cluster }
  }

  it('is what its ConfigMap says, in the same revision where every key is as we would write it', async () => {
    const { cluster } = await theirs()
    const { observe } = await drive({ cluster })
    expect(await observe()).toMatchObject({ found: 'ready', model: 'a', revision })
  })

  it('is another revision where a key differs', async () => {
    const { cluster } = await theirs({ MAX_MODEL_LEN: '1' })
    const { observe } = await drive({ cluster })
    expect(await observe()).toMatchObject({ found: 'ready', model: 'a', revision: 'another' })
  })

  it('is a model that is not in the catalogue where its ConfigMap names one', async () => {
    const { engine, cluster } = await theirs({ SERVED_MODEL_NAME: 'z' })
    engine.names = ['z']
    const { observe } = await drive({ cluster })
    expect(await observe()).toMatchObject({ found: 'ready', model: 'z', revision: 'unknown' })
  })

  it('is unknown where there is no ConfigMap', async () => {
    const { cluster } = await theirs()
    cluster.remove('ConfigMap', 'vllm-config')
    const { observe } = await drive({ cluster })
    expect(await observe()).toMatchObject({ found: 'starting', model: '' })
  })

  it('is what its pods say they serve, where it is only scaled', async () => {
    const { engine, cluster } = await theirs({ SERVED_MODEL_NAME: 'z' })
    engine.names = ['z', 'b']
    const { observe } = await drive({ cluster, options: { manages: false } })
    expect(await observe()).toMatchObject({ found: 'ready', model: 'b' })
  })

  it('is the default model until its pods say, where it is only scaled', async () => {
    const { cluster } = await theirs()
    cluster.edit('Pod', cluster.all('Pod')[0]!.metadata!.name!, becomes('not Ready'))
    const options = { manages: false, defaultModel: 'b' }
    const told = await drive({ cluster, options })
    expect(await told.observe()).toMatchObject({ found: 'starting', model: 'b' })
    const untold = await drive({ cluster, options: { manages: false }, identity: 'other' })
    expect(await untold.observe()).toMatchObject({ found: 'starting', model: 'a' })
    const nothing = { catalogue: catalogueOf(), options: { manages: false }, identity: 'third' }
    const without = await drive({ cluster, ...nothing })
    expect(await without.observe()).toMatchObject({ found: 'starting', model: '' })
  })
})
