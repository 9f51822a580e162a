import { CoreV1Api, SchedulingV1Api, type V1PodSpec } from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import {
  lookAtPods,
  type PodSight,
  type PodWorld,
} from '../../src/drivers/kubernetes/pods/index.ts'
import { findBinaries } from './binaries/index.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { eventually } from './control-plane/index.ts'
import type { Misbehaviour } from './node/index.ts'
import { deploy, namespace, type WorkloadOptions } from './workload.ts'

const graceMs = 300_000

describe.skipIf(findBinaries() === undefined)('of pods in a real cluster it is said', () => {
  let cluster: Cluster
  let core: CoreV1Api
  beforeAll(async () => {
    cluster = await startCluster()
    core = cluster.plane.client.makeApiClient(CoreV1Api)
  })
  afterAll(() => cluster?.stop())

  /** A Deployment, and what is said of it from moment to moment. */
  async function start(name: string, options: WorkloadOptions = {}) {
    const work = await deploy(cluster.plane.client, name, options)
    onTestFinished(() => work.remove())
    const look = async ({ now = 0, ...more }: Partial<PodWorld> = {}) => {
      const pods = await work.pods()
      const deployment = await work.apps.readNamespacedDeployment({ namespace, name })
      return lookAtPods({ deployment, pods, graceMs, ...more, now: Date.now() + now })
    }
    const until = (
      what: string,
      isSo: (sight: PodSight) => unknown,
      more?: Partial<PodWorld>,
    ): Promise<PodSight> =>
      eventually(
        async () => {
          const sight = await look(more)
          return isSo(sight) ? sight : undefined
        },
        { what: `${name}: ${what}`, everyMs: 20 },
      )
    return {
      ...work,
      look,
      until,
      /** Why it cannot start. `now` is how much later it is looked at. */
      async failure(more?: Partial<PodWorld>) {
        const { failure } = await until('fails', (sight) => sight.failure, more)
        return { ...failure?.failure, wantsLog: failure?.wantsLog }
      },
      async ready() {
        const sight = await until('is ready', ({ ready }) => ready.length === 1)
        const [ready] = sight.ready
        if (!ready) throw new Error('there is none')
        return { ...ready, name: ready.pod.metadata?.name ?? '' }
      },
    }
  }

  function misbehave(pod: string, misbehaviour: Misbehaviour): () => void {
    const takeBack = cluster.node.misbehave({ pod }, misbehaviour)
    onTestFinished(takeBack)
    return takeBack
  }

  async function limitGpus(gpus: number): Promise<void> {
    const name = 'gpus'
    const spec = { hard: { 'requests.nvidia.com/gpu': String(gpus) } }
    await core.createNamespacedResourceQuota({ namespace, body: { metadata: { name }, spec } })
    onTestFinished(async () => void (await core.deleteNamespacedResourceQuota({ namespace, name })))
    const used = async () =>
      (await core.readNamespacedResourceQuota({ namespace, name })).status?.used !== undefined
    await eventually(used, { what: 'the quota counts' })
  }

  it('how far a start is, whom to ask, and that another process is another one', async () => {
    misbehave('phases', { kind: 'simulate', options: { 'load-time': '1s' } })
    const work = await start('phases')
    const phases = new Set<string | undefined>()
    await work.until('is ready', ({ phase, ready, failure }) => {
      phases.add(phase)
      return failure ?? ready.length > 0
    })
    expect([...phases].at(-1)).toBe('loading')
    expect([...phases].slice(0, -1)).not.toContain('loading')
    const { address, port, incarnation } = await work.ready()
    const answer = await fetch(`http://${address}:${port}/v1/models`)
    expect(await answer.json()).toMatchObject({ data: [{ id: 'phases' }] })
    cluster.node.kill({ pod: 'phases' }, 'OOMKilled')
    const again = await work.until('runs anew', ({ ready }) => {
      const [pod] = ready
      return pod !== undefined && pod.incarnation !== incarnation
    })
    expect(again.gone(incarnation)).toMatch(/^the container of pod phases-\S+ ended with exit code/)
    expect(again.gone(incarnation)).toContain('(OOMKilled)')
    expect(again.gone(again.ready[0]!.incarnation)).toBeUndefined()
  })

  describe('of a container that does not come up', () => {
    it('which image is not there', async () => {
      misbehave('no-image', { kind: 'no image' })
      const work = await start('no-image', { image: 'vllm/vllm-openai:missing' })
      const { reason, message } = await work.failure()
      expect(reason).toBe('image_pull')
      expect(message).toContain('cannot pull image vllm/vllm-openai:missing of container vllm')
      expect(message).toContain('; check its name')
    })

    it('that a registry is tried once more, and then why not', async () => {
      const message = 'dial tcp 10.0.0.1:443: i/o timeout'
      const takeBack = misbehave('hiccup', { kind: 'no image', message })
      const work = await start('hiccup')
      expect((await work.failure()).message).toContain('ImagePullBackOff')
      takeBack()
      await work.ready()
    })

    it('its exit code, and where its last lines are', async () => {
      misbehave('crash', { kind: 'crash', exitCode: 3 })
      const work = await start('crash')
      expect(await work.failure()).toMatchObject({
        reason: 'exited',
        message: expect.stringMatching(/^container vllm ended with exit code 3/),
      })
      const isPrevious = (sight: PodSight) => sight.failure?.wantsLog?.previous
      const { failure } = await work.until('crashes again and again', isPrevious)
      const { pod = '', ...log } = failure?.wantsLog ?? {}
      const lines = await core.readNamespacedPodLog({ namespace, name: pod, ...log })
      expect(lines).toContain('Error')
    })

    it('that the kernel killed it for want of memory', async () => {
      misbehave('memory', { kind: 'out of memory' })
      const work = await start('memory')
      expect(await work.failure()).toMatchObject({
        reason: 'out_of_memory',
        message: expect.stringContaining('(OOMKilled, exit code 137)'),
      })
    })

    it('which Secret is missing, and goes on when it is there', async () => {
      const ref = { name: 'hf', key: 'token' }
      const env = [{ name: 'HF_TOKEN', valueFrom: { secretKeyRef: ref } }]
      const work = await start('no-secret', { container: { env } })
      expect(await work.failure()).toMatchObject({
        reason: 'resources',
        message:
          'container vllm cannot be made (CreateContainerConfigError): secret "hf" not found; create Secret hf, or change what refers to it',
      })
      await core.createNamespacedSecret({ namespace, body: { metadata: { name: 'hf' } } })
      const another = await work.until('misses the key', ({ failure }) =>
        failure?.failure.message.includes('find key'),
      )
      expect(another.failure?.failure.message).toContain(
        `couldn't find key token in Secret ${namespace}/hf; add token to Secret hf`,
      )
      await core.patchNamespacedSecret({
        namespace,
        name: 'hf',
        body: [{ op: 'add', path: '/data', value: { token: 'eA==' } }],
      })
      await work.ready()
    })

    it('that a container beside it fails again and again, not that it failed once', async () => {
      const sidecar = { name: 'beside', image: 'beside:1', command: ['sh', '-c', 'exit 4'] }
      const vllm = { name: 'vllm', image: 'vllm:1', args: ['--model', 'm'] }
      const work = await start('sidecar', { replicas: 0 })
      await work.apps.patchNamespacedDeployment({
        namespace,
        name: 'sidecar',
        body: [
          { op: 'replace', path: '/spec/template/spec/containers', value: [vllm, sidecar] },
          { op: 'replace', path: '/spec/replicas', value: 1 },
        ],
      })
      expect(await work.failure()).toMatchObject({
        message: 'container beside ended with exit code 4',
        wantsLog: { container: 'beside', previous: true },
      })
      const [pod] = await work.pods()
      const status = pod?.status?.containerStatuses?.find(({ name }) => name === 'beside')
      expect(status?.restartCount).toBeGreaterThan(0)
    })
  })

  describe('of a pod that no node takes', () => {
    it('what it asks for, in the words of the scheduler, and that nobody helps', async () => {
      const work = await start('many', { gpus: 4 })
      const message =
        'no node has room for it (it asks for 4 nvidia.com/gpu): 0/1 nodes are available: 1 Insufficient nvidia.com/gpu.'
      const waiting = await work.until('waits', ({ progress }) => progress)
      expect(waiting).toMatchObject({ phase: 'scheduling', failure: undefined })
      expect(waiting.progress).toContain(message)
      expect(waiting.recheckInMs).toBeLessThanOrEqual(15_000)
      const reason = 'unschedulable'
      expect(await work.failure({ now: 15_000 })).toMatchObject({ reason, message })
      const uid = waiting.unschedulable?.metadata?.uid ?? ''
      const autoscaler = new Map([[uid, 'adds a node' as const]])
      const later = await work.look({ now: 60_000, autoscaler })
      expect(later.progress).toContain('an autoscaler adds a node')
      expect((await work.look({ now: graceMs, autoscaler })).failure).toBeDefined()
    })

    it.each([
      [
        'selected',
        { nodeSelector: { gpu: 'h100' } },
        "no node takes it (it asks for 1 nvidia.com/gpu): 0/1 nodes are available: 1 node(s) didn't match Pod's node affinity",
      ],
      [
        'claims',
        { volumes: [{ name: 'm', persistentVolumeClaim: { claimName: 'weights' } }] },
        'persistentvolumeclaim "weights" not found. Create it',
      ],
    ] satisfies [string, Partial<V1PodSpec>, string][])('why: %s', async (name, pod, words) => {
      const work = await start(name, { pod })
      expect((await work.failure({ now: 15_000 })).message).toContain(words)
    })

    it('that it waits for the pod whose place it takes', async () => {
      misbehave('again', { kind: 'slow to terminate', ms: 2_000 })
      const work = await start('again', { gpus: 2 })
      const old = await work.ready()
      await core.deleteNamespacedPod({ namespace, name: old.name })
      const waiting = await work.until('waits', ({ unschedulable }) => unschedulable)
      expect(waiting).toMatchObject({ failure: undefined, leaving: true, present: 2 })
      expect(waiting.progress).toContain('What holds the GPU is just leaving')
      expect(waiting.gone(old.incarnation)).toBe(`pod ${old.name} is being deleted`)
      const anew = await work.ready()
      expect((await work.look()).gone(old.incarnation)).toBe('its pod was deleted')
      expect(anew.incarnation).not.toBe(old.incarnation)
    })

    it('that others of less priority leave for it', async () => {
      const scheduling = cluster.plane.client.makeApiClient(SchedulingV1Api)
      await scheduling.createPriorityClass({ body: { metadata: { name: 'high' }, value: 1_000 } })
      misbehave('low', { kind: 'slow to terminate', ms: 2_000 })
      const low = await start('low', { gpus: 2 })
      await low.ready()
      const high = await start('high', { gpus: 2, pod: { priorityClassName: 'high' } })
      const waiting = await high.until('preempts', ({ progress }) => progress?.includes('priority'))
      expect(waiting.progress).toContain('Pods of less priority leave node gpu-node for it')
      expect(waiting.recheckInMs).toBeGreaterThan(200_000)
      await high.ready()
    })
  })

  describe('of a pod that the cluster does not let be made', () => {
    it('which quota is in the way, a moment after what it counts has gone', async () => {
      await limitGpus(1)
      const work = await start('quota', { gpus: 2 })
      const waiting = await work.until('is refused', ({ progress }) => progress)
      expect(waiting).toMatchObject({ phase: 'resources', failure: undefined })
      const failure = await work.failure({ now: 5_000 })
      expect(failure.reason).toBe('resources')
      expect(failure.message).toMatch(
        /exceeded quota: gpus, requested: requests.nvidia.com\/gpu=2, used: .*; raise ResourceQuota gpus, or free what it counts$/,
      )
    })

    it('that a quota is just being freed', async () => {
      await limitGpus(2)
      misbehave('before', { kind: 'slow to terminate', ms: 1_000 })
      const before = await start('before', { gpus: 2 })
      await before.ready()
      await before.scale(0)
      const after = await start('after', { gpus: 2 })
      const waiting = await after.until('is refused', ({ progress }) => progress, {
        othersLeave: true,
      })
      expect(waiting.progress).toContain('what it counts is just leaving')
      await after.ready()
    })

    it.each([
      ['no-priority', { priorityClassName: 'nowhere' }, 'no PriorityClass with name nowhere'],
      ['no-runtime', { runtimeClassName: 'nowhere' }, 'RuntimeClass "nowhere" not found'],
    ])('at once what it does not know: %s', async (name, pod, words) => {
      const work = await start(name, { pod })
      expect((await work.failure()).message).toContain(words)
    })

    it('at once which limit it is over', async () => {
      const limits = [{ type: 'Container', max: { 'nvidia.com/gpu': '1' } }]
      const name = 'small'
      const body = { metadata: { name }, spec: { limits } }
      await core.createNamespacedLimitRange({ namespace, body })
      onTestFinished(async () => void (await core.deleteNamespacedLimitRange({ namespace, name })))
      const work = await start('limit', { gpus: 2 })
      expect((await work.failure()).message).toContain(
        'maximum nvidia.com/gpu usage per Container is 1, but limit is 2',
      )
    })
  })

  describe('of a Deployment', () => {
    it('that its deadline has passed', async () => {
      misbehave('late', { kind: 'never ready' })
      const work = await start('late')
      await work.apps.patchNamespacedDeployment({
        namespace,
        name: 'late',
        body: [{ op: 'add', path: '/spec/progressDeadlineSeconds', value: 1 }],
      })
      const { reason, message } = await work.failure()
      expect(reason).toBe('deadline')
      expect(message).toMatch(/^ProgressDeadlineExceeded: .* has timed out progressing\.$/)
    })
  })

  describe('of a node', () => {
    it('that it took none of several pods', async () => {
      const owner = await start('owner', { gpus: 2 })
      await owner.ready()
      const work = await start('refused', { gpus: 1, pod: { nodeName: cluster.node.name } })
      const { reason, message } = await work.failure()
      expect(reason).toBe('resources')
      expect(message).toContain('(UnexpectedAdmissionError): Allocate failed due to requested')
      expect(message).toMatch(/so were \d+ before it$/)
      await work.scale(0)
    })

    it('that it is lost with a pod, which somebody must take away', async () => {
      const work = await start('lost', { gpus: 2 })
      const old = await work.ready()
      await cluster.node.goAway()
      onTestFinished(() => cluster.node.comeBack())
      const silent = await work.until('is not ready', ({ ready }) => ready.length === 0)
      expect(silent.gone(old.incarnation)).toBeUndefined()
      await core.deleteNamespacedPod({ namespace, name: old.name })
      const waiting = await work.until('waits', ({ unschedulable }) => unschedulable)
      expect(waiting.progress).toContain('is just leaving')
      expect((await work.failure({ now: 60_000 })).message).toContain(
        `Pod ${old.name} of node gpu-node should have ended by now: if that node is lost, delete the pod with --force`,
      )
      await core.deleteNamespacedPod({ namespace, name: old.name, gracePeriodSeconds: 0 })
      await cluster.node.comeBack()
      await work.ready()
    })
  })
})
