import type { V1Pod } from '@kubernetes/client-node'
import { describe, expect, it, vi } from 'vitest'
import { becomes, type FakeCluster } from './cluster/index.ts'
import { drive, failure, finish, pass, standStill, until } from './driving.ts'
import { startEngine } from './fake-engine.ts'

vi.mock('node:timers/promises', () => import('./delays.ts'))
standStill()

async function prepared(...given: Parameters<typeof drive>) {
  const driven = await drive(...given)
  await finish(driven.ensure('a'))
  return driven
}

/** The failure of a start whose only pod is made like this once there is a replica. */
async function fails(
  fields: Parameters<FakeCluster['makePod']>[0] = {},
  change: (pod: V1Pod) => void = () => undefined,
) {
  const { cluster, start, warnings } = await prepared()
  const failed = failure(start('a'))
  await until(() => cluster.deployment?.spec?.replicas === 1)
  const name = `vllm-${cluster.makePod({ ready: false, ...fields }).metadata!.name!.slice(5)}`
  cluster.edit('Pod', name, change)
  const error = await failed
  return { failure: error.failure, name, warnings: warnings() }
}

const dead = {
  restartCount: 1,
  state: { waiting: { reason: 'CrashLoopBackOff' } },
  lastState: { terminated: { exitCode: 1, containerID: 'containerd://before' } },
}

describe('a start fails', () => {
  it('where its engine serves something else, and names it', async () => {
    const engine = await startEngine('b', 'c')
    const { failure: why, name } = await fails({ port: engine.port, ready: true })
    expect(why).toEqual({
      reason: 'wrong_model',
      message: `pod ${name} serves "b", "c", not "a"`,
    })
  })

  it('where its engine wants another key', async () => {
    const engine = await startEngine('a')
    engine.apiKey = 'secret'
    const { failure: why } = await fails({ port: engine.port, ready: true })
    expect(why).toMatchObject({
      reason: 'unknown',
      message: expect.stringContaining('refuses our key (status 401)') as string,
    })
  })

  it('where its pod is Ready and cannot be reached for a while', async () => {
    const engine = await startEngine('a')
    engine.isHealthy = false
    const { cluster, start } = await prepared()
    cluster.podsOn(engine.port)
    const failed = vi.fn()
    const ended = start('a').catch(failed)
    await until(() => engine.asked.length > 0)
    await pass(14_000)
    expect(failed).not.toHaveBeenCalled()
    await pass(2_000)
    await finish(ended)
    const [{ metadata }] = cluster.all('Pod') as [V1Pod]
    expect(failed).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({
        failure: {
          reason: 'resources',
          message: `pod ${metadata?.name} is Ready, but does not answer this program at 127.0.0.1:${engine.port}; check NetworkPolicies, or set endpointMode`,
        },
      }),
    )
  })

  it('where its image cannot be pulled', async () => {
    const waiting = { reason: 'ImagePullBackOff', message: 'manifest unknown' }
    const { failure: why } = await fails({ container: { state: { waiting } } })
    expect(why).toMatchObject({ reason: 'image_pull' })
  })
})

describe('the last lines of a container that ended', () => {
  async function withLogs(
    logs: Record<string, readonly string[]>,
    container: Parameters<FakeCluster['makePod']>[0],
  ) {
    const { cluster, start, warnings } = await prepared()
    const failed = failure(start('a'))
    await until(() => cluster.deployment?.spec?.replicas === 1)
    const next = cluster.makePod({
      ready: false,
      unschedulable: { message: '', since: Date.now() },
    })
    const name = next.metadata!.name!
    for (const [which, lines] of Object.entries(logs)) cluster.logs.set(`${name}${which}`, lines)
    const { spec, status } = cluster.makePod({ ready: false, ...container })
    cluster.edit('Pod', name, (pod) => Object.assign(pod, { spec, status }))
    return { why: (await failed).failure, warnings: warnings() }
  }

  it('are of the run before where it is started again and again', async () => {
    const logs = { ' previous': ['no CUDA', 'bye'] }
    const { why } = await withLogs(logs, { container: dead })
    expect(why).toMatchObject({ reason: 'exited', log: ['no CUDA', 'bye'] })
  })

  it('are of this run where it has just ended', async () => {
    const terminated = { exitCode: 1, containerID: 'containerd://now' }
    const { why } = await withLogs(
      { '': ['the last line'] },
      { container: { state: { terminated } } },
    )
    expect(why).toMatchObject({ reason: 'exited', log: ['the last line'] })
  })

  it('are of the run before where the next run has begun meanwhile', async () => {
    const terminated = { exitCode: 1, containerID: 'containerd://now' }
    const logs = { '': [], ' previous': ['the last line'] }
    const { why } = await withLogs(logs, { container: { state: { terminated } } })
    expect(why).toMatchObject({ reason: 'exited', log: ['the last line'] })
  })

  it('are none where they cannot be read, and the failure is told all the same', async () => {
    const { why, warnings } = await withLogs({}, { container: dead })
    expect(why).toMatchObject({ reason: 'exited', log: [] })
    expect(warnings).toContainEqual(
      expect.stringMatching(/^the log of pod vllm-\d+ cannot be read$/),
    )
  })
})

describe('what ended before a start', () => {
  it('is not its failure: a restart that is older', async () => {
    const engine = await startEngine('a')
    const { cluster, start } = await prepared()
    cluster.scale(1)
    const { metadata } = cluster.makePod({
      port: engine.port,
      ready: false,
      container: { restartCount: 1, lastState: dead.lastState },
    })
    const started = start('a')
    await pass(1_000)
    cluster.edit('Pod', metadata!.name!, becomes('Ready'))
    expect((await finish(started)).endpoints).toHaveLength(1)
  })

  it('is not its failure: a pod that its node threw out, and that nobody took away', async () => {
    const engine = await startEngine('a')
    const { cluster, start } = await prepared()
    const { metadata } = cluster.makePod({ ready: false })
    cluster.edit('Pod', metadata!.name!, (pod) => {
      pod.status = { phase: 'Failed', reason: 'Evicted', message: 'low on memory' }
    })
    const started = start('a')
    await pass(1_000)
    cluster.makePod({ port: engine.port })
    expect((await finish(started)).endpoints).toHaveLength(1)
  })

  it('does not hide a pod that is thrown out while it starts', async () => {
    const { failure: why } = await fails({}, (pod) => {
      pod.status = { phase: 'Failed', reason: 'Evicted', message: 'low on memory' }
    })
    expect(why).toMatchObject({
      reason: 'resources',
      message: expect.stringContaining('was ended by its node (Evicted): low on memory') as string,
    })
  })
})

describe('a pod that no node has room for', () => {
  const message = '0/1 nodes are available: 1 Insufficient nvidia.com/gpu.'

  async function waits(since = 0) {
    const { cluster, start, onPhase } = await prepared()
    const started = start('a')
    started.catch(() => undefined)
    await until(() => cluster.deployment?.spec?.replicas === 1)
    const unschedulable = { message, since: Date.now() - since }
    return { cluster, started, onPhase, pod: cluster.makePod({ unschedulable }) }
  }

  const says = (cluster: FakeCluster, pod: V1Pod, reason: string) =>
    cluster.add({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: reason.toLowerCase() },
      reason,
      involvedObject: { name: pod.metadata?.name },
    } as never)

  it('is a failure with the scheduler’s words when nobody says that a node is added', async () => {
    const { started, onPhase } = await waits()
    await pass(10_000)
    expect(onPhase).toHaveBeenLastCalledWith('scheduling', expect.stringContaining(message))
    expect(await failure(started)).toMatchObject({
      failure: { reason: 'unschedulable', message: expect.stringContaining(message) as string },
    })
  })

  it('is a failure at once when an autoscaler says that it cannot help', async () => {
    const { cluster, started, pod } = await waits()
    says(cluster, pod, 'NotTriggerScaleUp')
    const begun = performance.now()
    expect(await failure(started)).toMatchObject({ failure: { reason: 'unschedulable' } })
    expect(performance.now() - begun).toBeLessThan(5_000)
  })

  it('has its time while an autoscaler adds a node', async () => {
    const engine = await startEngine('a')
    const { cluster, started, pod, onPhase } = await waits()
    says(cluster, pod, 'TriggeredScaleUp')
    await pass(200_000)
    expect(onPhase).toHaveBeenLastCalledWith(
      'scheduling',
      expect.stringContaining('an autoscaler adds a node'),
    )
    cluster.remove('Pod', pod.metadata!.name!)
    cluster.makePod({ port: engine.port })
    expect((await finish(started)).endpoints).toHaveLength(1)
  })

  it('is a failure when the node does not come in time either', async () => {
    const { cluster, started, pod } = await waits()
    says(cluster, pod, 'TriggeredScaleUp')
    await pass(301_000)
    expect(await failure(started)).toMatchObject({ failure: { reason: 'unschedulable' } })
  })

  it('has its time also where it has waited for long when the start is taken over', async () => {
    const { cluster, start } = await prepared()
    cluster.scale(1)
    const unschedulable = { message, since: Date.now() - 60_000 }
    says(cluster, cluster.makePod({ unschedulable }), 'TriggeredScaleUp')
    const failed = vi.fn()
    start('a').catch(failed)
    await pass(100_000)
    expect(failed).not.toHaveBeenCalled()
  })

  it('waits as if nobody said anything where Events may not be read', async () => {
    const { cluster, started, pod } = await waits()
    says(cluster, pod, 'TriggeredScaleUp')
    cluster.calls.break('list Event', new Error('no right'))
    await pass(16_000)
    expect(await failure(started)).toMatchObject({ failure: { reason: 'unschedulable' } })
  })
})
