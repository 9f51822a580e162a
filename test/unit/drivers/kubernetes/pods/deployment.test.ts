import { describe, expect, it } from 'vitest'
import { ago, deployment, look, now, told } from './fixtures.ts'

const refused = (message: string, seconds = 1) => ({
  type: 'ReplicaFailure',
  reason: 'FailedCreate',
  message,
  lastTransitionTime: ago(seconds),
})

describe('a pod that may not be made', () => {
  it.each([
    'pods "vllm-6bbf97967-8xb7k" is forbidden: maximum nvidia.com/gpu usage per Container is 1, but limit is 2',
    'pods "vllm-6dfc4c8ff-" is forbidden: no PriorityClass with name nowhere was found',
    'pods "vllm-7f5b7dcd6-" is forbidden: pod rejected: RuntimeClass "nowhere" not found',
    'pods "vllm-7f5b7dcd6-" is forbidden: error looking up service account ai-apps/vllm: serviceaccount "vllm" not found',
    'pods "vllm-7f5b7dcd6-x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false',
    'admission webhook "policy.example" denied the request: no',
  ])('fails at once: %s', (message) => {
    expect(look([], { deployment: told(refused(message)) }).failure).toEqual({
      failure: {
        reason: 'resources',
        message: `the cluster does not let the pod be made (FailedCreate): ${message}`,
      },
    })
  })

  const overQuota =
    'pods "vllm-5495fcdcb7-r9rdt" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=2, used: requests.nvidia.com/gpu=0, limited: requests.nvidia.com/gpu=1'

  it('fails because of a quota once that had time to see what has gone', () => {
    const young = look([], { deployment: told(refused(overQuota, 1)) })
    expect(young).toMatchObject({ failure: undefined, recheckInMs: 4_000 })
    expect(young.progress).toContain(`${overQuota}; it is tried again`)
    const old = { deployment: told(refused(overQuota, 5)) }
    expect(look([], old).failure?.failure).toEqual({
      reason: 'resources',
      message: `the cluster does not let the pod be made (FailedCreate): ${overQuota}; raise ResourceQuota gpus, or free what it counts`,
    })
    expect(look([], { ...old, lastLeftAt: now - 2_000 }).recheckInMs).toBe(3_000)
    expect(look([], { ...old, othersLeave: true }).progress).toContain('is just leaving')
    expect(look([{ leaving: true }], old).progress).toContain('is just leaving')
  })

  it('waits for a webhook that does not answer, for a while', () => {
    const message =
      'Internal error occurred: failed calling webhook "policy.example": connection refused'
    const after = (seconds: number) => look([], { deployment: told(refused(message, seconds)) })
    expect(after(14)).toMatchObject({ failure: undefined, recheckInMs: 1_000 })
    expect(after(15).failure).toBeDefined()
  })

  it('is no failure where a pod is there, or where the Deployment was changed since', () => {
    const other = refused('no')
    expect(look([{}], { deployment: told(other) }).failure).toBeUndefined()
    expect(look([], { deployment: told(other, 2) }).failure).toBeUndefined()
    const failedDelete = { ...other, reason: 'FailedDelete' }
    expect(look([], { deployment: told(failedDelete) }).failure).toBeUndefined()
  })

  it('fails where not even a ReplicaSet can be made', () => {
    const condition = { type: 'Progressing', status: 'False', reason: 'ReplicaSetCreateError' }
    const { failure } = look([], { deployment: told({ ...condition, message: 'too many' }) })
    expect(failure?.failure.message).toContain('(ReplicaSetCreateError): too many')
  })
})

describe('a Deployment', () => {
  it('tells of a deadline that passed for these pods, not for earlier ones', () => {
    const late = (seconds: number) =>
      told({
        type: 'Progressing',
        status: 'False',
        reason: 'ProgressDeadlineExceeded',
        message: 'ReplicaSet "vllm-799b7fb45f" has timed out progressing.',
        lastTransitionTime: ago(seconds),
      })
    expect(look([{}], { deployment: late(10) }).failure?.failure).toEqual({
      reason: 'deadline',
      message: 'ProgressDeadlineExceeded: ReplicaSet "vllm-799b7fb45f" has timed out progressing.',
    })
    expect(look([{}], { deployment: late(90) }).failure).toBeUndefined()
    expect(look([{ ready: true }], { deployment: late(10) }).failure).toBeUndefined()
    expect(look([], { deployment: late(10) }).failure).toBeUndefined()
  })

  it('that is paused makes no pods, and says so', () => {
    const paused = deployment()
    paused.spec!.paused = true
    expect(look([], { deployment: paused }).progress).toContain('vllm is paused: kubectl rollout')
    expect(look([{}], { deployment: paused }).progress).toBeUndefined()
  })
})
