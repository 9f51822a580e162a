import { describe, expect, it } from 'vitest'
import { lookAtPods, type PodWorld } from '../../../../../src/drivers/kubernetes/pods/index.ts'
import { ago, container, deployment, now, pod, type PodOptions } from './fixtures.ts'

const look = (pods: PodOptions[], world: Partial<PodWorld> = {}) =>
  lookAtPods({
    deployment: deployment(),
    pods: pods.map(pod),
    now,
    graceMs: 300_000,
    ...world,
  })

const waiting = (reason: string, message = '') => ({
  container: { state: { waiting: { reason, message } } },
})

describe('the phase of a start', () => {
  it.each([
    ['resources', []],
    ['scheduling', [{ node: undefined, unschedulable: { message: 'no', seconds: 1 } }]],
    ['image', [waiting('ContainerCreating')]],
    ['loading', [{}]],
  ] as const)('is %s', (phase, pods) => {
    expect(look([...pods]).phase).toBe(phase)
  })

  it('is none of a Deployment without replicas', () => {
    const at0 = deployment()
    at0.spec!.replicas = 0
    expect(look([], { deployment: at0 }).phase).toBeUndefined()
  })
})

describe('a container that cannot come up', () => {
  it.each([
    ['ImagePullBackOff', 'Back-off pulling image', 'image_pull'],
    ['InvalidImageName', 'couldn’t parse image', 'image_pull'],
    ['ErrImagePull', 'manifest for x:y not found', 'image_pull'],
    ['CreateContainerConfigError', 'secret "hf" not found', 'resources'],
  ] as const)('because of %s', (reason, message, word) => {
    const { failure } = look([waiting(reason, message)])
    expect(failure?.failure).toMatchObject({
      reason: word,
      message: expect.stringContaining(message),
    })
    expect(failure?.wantsLog).toBeUndefined()
  })

  it('is no failure yet while a first pull only timed out', () => {
    expect(look([waiting('ErrImagePull', 'i/o timeout')]).failure).toBeUndefined()
  })

  it('has ended: the exit code, its last words, and where its log is', () => {
    const terminated = { exitCode: 3, reason: 'Error', message: 'line\nValueError: no' }
    const { failure } = look([{ container: { state: { terminated } } }])
    expect(failure?.failure).toEqual({
      reason: 'exited',
      message: 'container vllm ended with exit code 3: ValueError: no',
    })
    expect(failure?.wantsLog).toEqual({ pod: 'vllm-1', container: 'vllm', previous: false })
  })

  it('has ended and runs again: its first end counts, unless that was before this start', () => {
    const again = {
      container: { restartCount: 1, lastState: { terminated: { exitCode: 3, reason: 'Error' } } },
    }
    expect(look([again]).failure?.wantsLog?.previous).toBe(true)
    const restartsBefore = new Map([['u1', 1]])
    expect(look([again], { restartsBefore }).failure).toBeUndefined()
  })

  it('was killed for want of memory', () => {
    const terminated = { exitCode: 137, reason: 'OOMKilled' }
    const status = {
      restartCount: 1,
      lastState: { terminated },
      state: waiting('CrashLoopBackOff').container.state,
    }
    const { failure } = look([{ container: status }])
    expect(failure?.failure).toMatchObject({
      reason: 'out_of_memory',
      message: expect.stringContaining('OOMKilled, exit code 137'),
    })
  })

  it('is no failure where an init container ended well, or failed once', () => {
    const init = (exitCode: number) =>
      container({ name: 'download', state: { terminated: { exitCode } } })
    for (const code of [0, 1]) expect(look([{ init: init(code) }]).failure).toBeUndefined()
    const crashing = container({
      name: 'download',
      state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off' } },
    })
    expect(look([{ init: crashing }]).failure?.failure.message).toContain('download')
  })
})

describe('a pod for which no node has room', () => {
  const message = '0/1 nodes are available: 1 Insufficient nvidia.com/gpu.'
  const since = (seconds: number): PodOptions => ({
    node: undefined,
    phase: 'Pending',
    unschedulable: { message, seconds },
  })

  it('is told of at once, with what it asks for, and fails when no autoscaler speaks', () => {
    const young = look([since(2)])
    expect(young.failure).toBeUndefined()
    expect(young.progress).toContain(`asks for 2 nvidia.com/gpu): ${message}`)
    expect(young.recheckInMs).toBe(13_000)
    expect(look([since(15)]).failure?.failure).toMatchObject({ reason: 'unschedulable' })
  })

  it('has its whole grace while an autoscaler adds a node', () => {
    const autoscaler = new Map([['u1', 'adds a node' as const]])
    expect(look([since(299)], { autoscaler }).progress).toContain('an autoscaler adds a node')
    expect(look([since(300)], { autoscaler }).failure).toBeDefined()
  })

  it('fails at once where the autoscaler cannot help', () => {
    const autoscaler = new Map([['u1', 'cannot help' as const]])
    expect(look([since(0)], { autoscaler }).failure?.failure.message).toContain(message)
  })

  it('waits for what is just leaving, of this backend or another', () => {
    const leaving = { name: 'old', uid: 'u0', leaving: true }
    expect(look([since(60), leaving]).progress).toContain('just leaving')
    expect(look([since(60)], { othersLeave: true }).failure).toBeUndefined()
  })
})

describe('what the Deployment tells', () => {
  const told = (condition: object, generation = 3) =>
    deployment({
      status: {
        observedGeneration: generation,
        conditions: [{ status: 'True', type: '', ...condition }],
      },
    })

  it('of a quota or an admission that refuses the pod', () => {
    const refused = {
      type: 'ReplicaFailure',
      reason: 'FailedCreate',
      message: 'exceeded quota: gpu',
    }
    expect(look([], { deployment: told(refused) }).failure?.failure).toMatchObject({
      reason: 'resources',
      message: expect.stringContaining('exceeded quota: gpu'),
    })
    expect(look([{}], { deployment: told(refused) }).failure).toBeUndefined()
    expect(look([], { deployment: told(refused, 2) }).failure).toBeUndefined()
  })

  it('of a deadline that passed for these pods, not for earlier ones', () => {
    const late = (seconds: number) => ({
      type: 'Progressing',
      status: 'False',
      reason: 'ProgressDeadlineExceeded',
      message: 'timed out',
      lastTransitionTime: ago(seconds),
    })
    expect(look([{}], { deployment: told(late(10)) }).failure?.failure.reason).toBe('deadline')
    expect(look([{}], { deployment: told(late(90)) }).failure).toBeUndefined()
    expect(look([{ ready: true }], { deployment: told(late(10)) }).failure).toBeUndefined()
  })

  it('of an evicted pod, unless another one takes its place', () => {
    const evicted = { phase: 'Failed', reason: 'Evicted', message: 'low on disk' }
    const { failure, present } = look([evicted])
    expect(failure?.failure.message).toContain('(Evicted): low on disk')
    expect(present).toBe(0)
    expect(look([evicted, { uid: 'u2' }]).failure).toBeUndefined()
  })
})

describe('a pod that is ready', () => {
  it('can be asked at its address and the port named http', () => {
    expect(look([{ ready: true }]).ready).toMatchObject([
      { address: '10.0.0.7', port: 8000, incarnation: 'u1/containerd://c1' },
    ])
  })

  it.each([
    ['not Ready', { ready: false }],
    ['leaving', { ready: true, leaving: true }],
    ['of another template', { ready: true, revision: '0' }],
    ['without a running container', { ready: true, container: { state: {} } }],
  ])('is none that is %s', (_, options) => {
    expect(look([options]).ready).toEqual([])
  })

  it.each([
    [9000, 9000],
    ['web', 7000],
    ['9001', 9001],
  ] as const)(
    'is asked where the Service leads (%s) if no port is named http',
    (targetPort, port) => {
      const service = { spec: { ports: [{ port: 80, targetPort }] } }
      const ports = [{ name: 'web', containerPort: 7000 }]
      expect(look([{ ready: true, ports }], { service }).ready[0]?.port).toBe(port)
    },
  )
})

describe('an incarnation', () => {
  const here = 'u1/containerd://c1'

  it('is there while its container runs, Ready or not', () => {
    expect(look([{ ready: false }]).gone(here)).toBeUndefined()
  })

  it.each([
    ['another pod', { uid: 'u2' }, 'its pod was deleted'],
    ['a pod that is being deleted', { leaving: true }, 'is being deleted'],
    [
      'another container',
      {
        container: {
          containerID: 'containerd://c2',
          lastState: {
            terminated: { exitCode: 137, reason: 'OOMKilled', containerID: 'containerd://c1' },
          },
        },
      },
      'ended with exit code 137 (OOMKilled)',
    ],
  ])('is gone when there is only %s', (_, options, why) => {
    expect(look([options]).gone(here)).toContain(why)
  })
})
