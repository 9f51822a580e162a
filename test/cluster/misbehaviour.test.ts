import { CoreV1Api } from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findBinaries } from './binaries/index.ts'
import { type Cluster, startCluster } from './cluster.ts'
import {
  condition,
  containerStatus,
  deploy,
  isReady,
  namespace,
  waitingReason,
} from './workload.ts'

describe.skipIf(findBinaries() === undefined)('a pod on the simulated node', () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await startCluster()
  })
  afterAll(() => cluster?.stop())

  it('waits for an image that cannot be pulled, and starts when it can', async () => {
    const { plane, node } = cluster
    const image = 'vllm/vllm-openai:missing'
    const takeBack = node.misbehave({ image }, { kind: 'no image' })
    const work = await deploy(plane.client, 'no-image', { image })
    const first = await work.podThat('misses it', (pod) => waitingReason(pod) === 'ErrImagePull')
    expect(containerStatus(first)?.state?.waiting?.message).toContain(`${image}: not found`)
    const pod = await work.podThat('backs off', (pod) => waitingReason(pod) === 'ImagePullBackOff')
    expect(containerStatus(pod)?.state?.waiting?.message).toBe(`Back-off pulling image "${image}"`)
    expect(pod.status?.phase).toBe('Pending')
    expect(condition(pod, 'Ready')).toMatchObject({ status: 'False', reason: 'ContainersNotReady' })
    takeBack()
    await work.podThat('is ready', isReady)
    await work.remove()
  })

  it('that crashes backs off and tells its exit code and how its log ended', async () => {
    const { plane, node } = cluster
    const takeBack = node.misbehave({ pod: 'crash' }, { kind: 'crash', exitCode: 3 })
    const work = await deploy(plane.client, 'crash', {
      container: { terminationMessagePolicy: 'FallbackToLogsOnError' },
    })
    const pod = await work.podThat('backs off', (pod) => waitingReason(pod) === 'CrashLoopBackOff')
    const status = containerStatus(pod)
    expect(pod.status?.phase).toBe('Running')
    expect(status?.restartCount).toBe(1)
    expect(status?.state?.waiting?.message).toMatch(
      /^back-off 10s restarting failed container=vllm pod=crash-.*_ai-apps\(.*\)$/,
    )
    const last = status?.lastState?.terminated
    expect(last).toMatchObject({ exitCode: 3, reason: 'Error' })
    expect(last?.message).toContain('Error')
    const core = plane.client.makeApiClient(CoreV1Api)
    const name = pod.metadata?.name ?? ''
    const log = await core.readNamespacedPodLog({ namespace, name, tailLines: 2, previous: true })
    expect(log.trimEnd().split('\n')).toHaveLength(2)
    takeBack()
    await work.podThat('is ready', isReady)
    await work.remove()
  })

  it('that needs too much memory is killed by the kernel', async () => {
    const misbehaviour = JSON.stringify({ kind: 'out of memory' })
    const work = await deploy(cluster.plane.client, 'memory', {
      annotations: { 'simulated-node/misbehave': misbehaviour },
    })
    const killed = await work.podThat(
      'was killed',
      (pod) => containerStatus(pod)?.lastState?.terminated?.reason === 'OOMKilled',
    )
    expect(containerStatus(killed)?.lastState?.terminated?.exitCode).toBe(137)
    await work.remove()
  })

  it('that is killed while ready becomes ready again with one restart', async () => {
    const work = await deploy(cluster.plane.client, 'killed')
    await work.podThat('is ready', isReady)
    cluster.node.kill({ pod: 'killed' }, 'OOMKilled')
    const pod = await work.podThat(
      'is ready again',
      (pod) => isReady(pod) && containerStatus(pod)?.restartCount === 1,
    )
    expect(containerStatus(pod)?.lastState?.terminated?.reason).toBe('OOMKilled')
    await work.remove()
  })

  it('can run without ever becoming ready', async () => {
    const { plane, node } = cluster
    const takeBack = node.misbehave({ labels: { app: 'never' } }, { kind: 'never ready' })
    const work = await deploy(plane.client, 'never')
    const pod = await work.podThat(
      'runs',
      (pod) => containerStatus(pod)?.state?.running !== undefined,
    )
    expect(condition(pod, 'ContainersReady')?.message).toBe(
      'containers with unready status: [vllm]',
    )
    await work.remove()
    takeBack()
  })

  it('whose liveness probe fails is restarted', async () => {
    const work = await deploy(cluster.plane.client, 'unhealthy', {
      container: {
        livenessProbe: { httpGet: { path: '/no-such', port: 'http' }, periodSeconds: 1 },
      },
    })
    const pod = await work.podThat(
      'was restarted',
      (pod) => (containerStatus(pod)?.restartCount ?? 0) > 0,
    )
    expect(containerStatus(pod)?.lastState?.terminated).toMatchObject({ reason: 'Completed' })
    await work.remove()
  })

  it('is lost with its node, and runs again when the node is back', async () => {
    const { plane, node } = cluster
    const work = await deploy(plane.client, 'lost')
    const before = await work.podThat('is ready', isReady)
    await node.goAway()
    const lost = await work.podThat('is not ready', (pod) => !isReady(pod))
    expect(lost.metadata?.uid).toBe(before.metadata?.uid)
    await expect(fetch(`http://${before.status?.podIP}:8000/health`)).rejects.toThrow()
    const core = plane.client.makeApiClient(CoreV1Api)
    const { status, spec } = await core.readNode({ name: node.name })
    expect(status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown' }),
    )
    expect(spec?.taints?.[0]?.key).toBe('node.kubernetes.io/unreachable')
    await node.comeBack()
    const after = await work.podThat('is ready again', isReady)
    expect(after.metadata?.uid).toBe(before.metadata?.uid)
    expect(containerStatus(after)?.restartCount).toBe(1)
    await work.remove()
  })
})
