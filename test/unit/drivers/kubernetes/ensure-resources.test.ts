import { describe, expect, it } from 'vitest'
import { FakeCluster, fault, theirConfigMap, theirDeployment } from './cluster/index.ts'
import { catalogueOf, drive, failure, finish, modelOf, pass, standStill } from './driving.ts'

standStill()

const refused = (message: string) => ({
  failure: { reason: 'resources', message: expect.stringContaining(message) as string },
})

/** A program that has made nothing by itself yet: its models came a moment after the start. */
async function arrive(cluster = new FakeCluster(), identity = 'me') {
  const catalogue = catalogueOf()
  const driven = await drive({ cluster, catalogue, identity })
  for (const name of ['a', 'b']) catalogue.models.set(name, modelOf(name))
  return driven
}

describe('the resources of a start', () => {
  it('are made in an order that leaves no pod without its ConfigMap, and starts no replica', async () => {
    const { cluster, ensure } = await arrive()
    const replicas: unknown[] = []
    cluster.api.follow('Deployment', {}, (all) => {
      replicas.push(all.get('vllm')?.spec?.replicas ?? 0)
    })
    await finish(ensure('a'))
    expect(cluster.calls.writes).toEqual([
      'apply ConfigMap vllm-config',
      'apply Service vllm-svc',
      'apply Deployment vllm',
      'force Deployment vllm as vllm-chill-replicas',
      'apply Deployment vllm',
    ])
    expect(new Set(replicas)).toEqual(new Set([0]))
    expect(cluster.deployment?.metadata?.managedFields).toContainEqual(
      expect.objectContaining({
        manager: 'vllm-chill-replicas',
        fieldsV1: { 'f:spec': { 'f:replicas': {} } },
      }),
    )
  })

  it('carry whose they are and what they run', async () => {
    const { cluster, ensure } = await arrive()
    await finish(ensure('a'))
    const objects = [
      cluster.find('ConfigMap', 'vllm-config'),
      cluster.find('Service', 'vllm-svc'),
      cluster.deployment,
    ]
    for (const object of objects) {
      expect(object?.metadata?.annotations).toMatchObject({
        'vllm-chill.efortin.github.io/installation': 'ai/vllm-chill',
        'vllm-chill.efortin.github.io/model': 'a',
        'vllm-chill.efortin.github.io/model-revision': modelOf('a').facts.revision,
      })
    }
  })

  it('leave the replicas to whoever scales', async () => {
    const { cluster, ensure } = await arrive()
    await finish(ensure('a'))
    cluster.scale(1)
    await finish(ensure('b'))
    expect(cluster.deployment?.spec?.replicas).toBe(1)
  })

  it('start no replica either after a program ended in the midst of making them', async () => {
    const { cluster, ensure } = await arrive()
    cluster.calls.fail('force Deployment vllm as', fault(503))
    expect(await failure(ensure('a'))).toMatchObject({ code: 503 })
    expect(cluster.deployment?.spec?.replicas).toBe(0)
    await finish(ensure('b'))
    await finish(ensure('a'))
    expect(cluster.deployment?.spec?.replicas).toBe(0)
  })

  it('become those of another model, and what others added to them stays', async () => {
    const { cluster, ensure } = await arrive()
    await finish(ensure('a'))
    cluster.edit('Deployment', 'vllm', ({ metadata }) => {
      metadata!.labels!['team'] = 'ml'
    })
    await finish(ensure('b'))
    const { metadata, spec } = cluster.deployment!
    expect(metadata?.labels).toMatchObject({ team: 'ml', app: 'vllm' })
    expect(spec?.template.metadata?.annotations).toMatchObject({
      'vllm-chill.efortin.github.io/model': 'b',
    })
    expect(cluster.find('ConfigMap', 'vllm-config')?.data).toMatchObject({ SERVED_MODEL_NAME: 'b' })
  })

  it('are of a model that is still in the catalogue', async () => {
    const { ensure, catalogue } = await arrive()
    catalogue.models.delete('b')
    const error = await failure(ensure('b'))
    expect(error).toMatchObject(refused('the model "b" is no longer in the catalogue'))
  })

  it('are of a model that can be run: else it is said where it is wrong, and nothing is sent', async () => {
    const { cluster, ensure, catalogue } = await arrive()
    catalogue.models.set('b', modelOf('b', { gpuCount: 1, tensorParallelSize: 2 }))
    expect(await failure(ensure('b'))).toMatchObject(refused('spec.gpuCount: '))
    expect(cluster.calls.writes).toEqual([])
  })

  it('say why where the API server refuses one', async () => {
    const { cluster, ensure } = await arrive()
    cluster.calls.fail('apply Service', fault(403, 'apply Service: refused: exceeded quota'))
    expect(await failure(ensure('a'))).toMatchObject(refused('exceeded quota'))
    cluster.calls.fail('apply Deployment', fault(422, 'apply Deployment: spec is wrong'))
    expect(await failure(ensure('a'))).toMatchObject(refused('spec is wrong'))
  })

  it('are no failure of the model where the API server is in trouble', async () => {
    const { cluster, ensure } = await arrive()
    cluster.calls.fail('apply Service', fault(500))
    expect(await failure(ensure('a'))).toMatchObject({ name: 'ApiFault', code: 500 })
    cluster.calls.fail('get Deployment', fault(0))
    expect(await failure(ensure('a'))).toMatchObject({ name: 'ApiFault', code: 0 })
  })

  it('are there even where nothing can be heard of them afterwards', async () => {
    const { cluster, ensure } = await arrive()
    cluster.calls.break('list', fault(503))
    await finish(ensure('a'))
    expect(cluster.deployment).toBeDefined()
  })

  it('are changed by the program that leads, and by no other', async () => {
    const leader = await arrive()
    const { ensure, cluster } = await arrive(leader.cluster, 'another')
    expect(await failure(ensure('a'))).toMatchObject({ name: 'NotLeading' })
    expect(cluster.calls.writes).toEqual([])
  })

  it('are not changed any more by a program that loses the lead while it reads what is there', async () => {
    const { cluster, ensure } = await arrive()
    const answered = cluster.calls.hold('get Service')
    const ensured = failure(ensure('a'))
    cluster.giveLeaseTo('another')
    await pass(2_001)
    answered()
    expect(await ensured).toMatchObject({ name: 'NotLeading' })
    expect(cluster.calls.writes).toEqual([])
  })
})

describe('a field of ours that somebody else has set', () => {
  const change = (cluster: FakeCluster) =>
    cluster.edit('ConfigMap', 'vllm-config', ({ data }) => {
      data!['DTYPE'] = 'half'
    })
  const dtype = (cluster: FakeCluster) => cluster.find('ConfigMap', 'vllm-config')?.data?.['DTYPE']

  it('is taken back once, and the log says from whom', async () => {
    const { cluster, ensure, warnings } = await arrive()
    await finish(ensure('a'))
    // Else it would be put right before the next start asks for it.
    cluster.isWatchSilent = true
    change(cluster)
    await finish(ensure('b'))
    expect(dtype(cluster)).toBe('auto')
    expect(warnings()).toEqual(['ConfigMap ai/vllm-config: put right: data.DTYPE by somebody'])
  })

  it('is refused where it is set again at once: both are in earnest', async () => {
    const { cluster, ensure } = await arrive()
    await finish(ensure('a'))
    cluster.isWatchSilent = true
    change(cluster)
    await finish(ensure('b'))
    change(cluster)
    const error = await failure(ensure('a'))
    expect(error).toMatchObject(
      refused('data.DTYPE by somebody was set again right after it had been put right'),
    )
    expect(dtype(cluster)).toBe('half')
  })

  it('is taken back again after a while', async () => {
    const { cluster, ensure } = await arrive()
    await finish(ensure('a'))
    cluster.isWatchSilent = true
    change(cluster)
    await finish(ensure('b'))
    await pass(61_000)
    change(cluster)
    await finish(ensure('a'))
    expect(dtype(cluster)).toBe('auto')
  })

  it('is given up where the API server refuses that', async () => {
    const { cluster, ensure } = await arrive()
    await finish(ensure('a'))
    cluster.isWatchSilent = true
    change(cluster)
    cluster.calls.fail('force ConfigMap', fault(403, 'force ConfigMap: refused'))
    expect(await failure(ensure('b'))).toMatchObject(refused('force ConfigMap: refused'))
  })

  it('that an apply cannot take away is patched away, and applied then', async () => {
    const { cluster, ensure } = await arrive()
    await finish(ensure('a'))
    cluster.calls.forget()
    cluster.calls.fail('apply Deployment', fault(422, 'may not specify more than 1 volume type'))
    await finish(ensure('b'))
    expect(cluster.calls.writes.slice(-3)).toEqual([
      'apply Deployment vllm',
      'patch Deployment vllm',
      'apply Deployment vllm',
    ])
  })
})

describe('resources that somebody else has made', () => {
  async function theirs(data: Record<string, string> = {}) {
    const cluster = new FakeCluster()
    cluster.add(theirDeployment())
    cluster.add(theirConfigMap(data))
    return await arrive(cluster)
  }

  it('stay as they are but for the data of the ConfigMap', async () => {
    const { cluster, ensure } = await theirs()
    const before = cluster.deployment
    await finish(ensure('b'))
    expect(cluster.deployment).toEqual(before)
    const { data, metadata } = cluster.find('ConfigMap', 'vllm-config')!
    expect(data).toMatchObject({ SERVED_MODEL_NAME: 'b', MODEL_NAME: 'org/b', OWN_KEY: 'stays' })
    expect(metadata?.annotations).toBeUndefined()
  })

  it('are not written at all where the ConfigMap says it already', async () => {
    const { cluster, ensure } = await theirs()
    await finish(ensure('a'))
    expect(cluster.calls.writes).toEqual(['apply Service vllm-svc'])
  })

  it('are refused for a model that they cannot run, with the reason', async () => {
    const { cluster, ensure, catalogue } = await theirs()
    catalogue.models.set('b', modelOf('b', { image: 'other:2' }))
    expect(await failure(ensure('b'))).toMatchObject(
      refused('it runs the image theirs/vllm:1, the model wants other:2'),
    )
    expect(cluster.calls.writes).toEqual([])
  })

  it('keep a Service of their own', async () => {
    const { cluster, ensure } = await theirs()
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'vllm-svc' } }
    cluster.add(service)
    await finish(ensure('a'))
    expect(cluster.calls.writes).toEqual([])
  })

  it('say why where the ConfigMap may not be changed', async () => {
    const { cluster, ensure } = await theirs()
    cluster.calls.fail('patch ConfigMap', fault(403, 'change ConfigMap: refused'))
    expect(await failure(ensure('b'))).toMatchObject(refused('change ConfigMap: refused'))
  })
})

describe('with switching off', () => {
  const options = { manages: false }

  it('an existing Deployment is enough, and nothing is written', async () => {
    const cluster = new FakeCluster()
    cluster.add(theirDeployment())
    const { ensure } = await drive({ cluster, options })
    await finish(ensure('a'))
    expect(cluster.calls.writes).toEqual([])
  })

  it('a missing Deployment is said to be missing, with what to do', async () => {
    const { cluster, ensure } = await drive({ options })
    expect(await failure(ensure('a'))).toMatchObject(
      refused('Deployment ai/vllm does not exist; create it, or let vllm-chill do so'),
    )
    expect(cluster.calls.writes).toEqual([])
  })
})

describe('the lead', () => {
  it('brings the resources of the first model, once and at rest, before anybody asks', async () => {
    const { cluster, catalogue } = await drive()
    expect(cluster.find('ConfigMap', 'vllm-config')?.data).toMatchObject({ SERVED_MODEL_NAME: 'a' })
    expect(cluster.deployment?.spec?.replicas).toBe(0)
    cluster.calls.forget()
    catalogue.set(modelOf('0'))
    await pass(5_000)
    expect(cluster.calls.writes).toEqual([])
  })

  it('brings those of the default model, as soon as it is known', async () => {
    const catalogue = catalogueOf()
    const { cluster } = await drive({ catalogue, options: { defaultModel: 'b' } })
    expect(cluster.calls.writes).toEqual([])
    catalogue.models.set('a', modelOf('a'))
    catalogue.set(modelOf('b'))
    await pass(1)
    expect(cluster.find('ConfigMap', 'vllm-config')?.data).toMatchObject({ SERVED_MODEL_NAME: 'b' })
  })

  it('changes nothing of what is there already', async () => {
    const first = await drive()
    await finish(first.driver.close())
    const { cluster } = await drive({ cluster: first.cluster, options: { defaultModel: 'b' } })
    await pass(5_000)
    expect(cluster.find('ConfigMap', 'vllm-config')?.data).toMatchObject({ SERVED_MODEL_NAME: 'a' })
  })

  it('brings them as soon as it can where it could not, and says why not', async () => {
    const cluster = new FakeCluster()
    cluster.calls.fail('apply Service', fault(403, 'apply Service: refused'))
    const { warnings, catalogue } = await drive({ cluster })
    expect(warnings()).toEqual([
      'vllm: the resources of vllm cannot be made yet: apply Service: refused',
    ])
    catalogue.set(modelOf('b', { priority: 1 }))
    await pass(1)
    expect(cluster.deployment).toBeDefined()
  })

  it('brings nothing where switching is off, nor to a program that follows', async () => {
    const { cluster } = await drive({ options: { manages: false } })
    await pass(5_000)
    await drive({ cluster, identity: 'another' })
    await pass(5_000)
    expect(cluster.calls.writes).toEqual([])
  })
})
