import { describe, expect, it } from 'vitest'
import { ago, look, type PodOptions } from './fixtures.ts'

const evicted = (uid: string, created = 20): PodOptions => ({
  name: `vllm-${uid}`,
  uid,
  created,
  phase: 'Failed',
  reason: 'Evicted',
  message: 'The node was low on resource: memory.',
  container: { state: { terminated: { exitCode: 137, finishedAt: ago(created - 10) } } },
})

describe('a pod that its node ended', () => {
  it('holds nothing any more, and has its place taken', () => {
    const sight = look([evicted('u1'), { uid: 'u2' }])
    expect(sight).toMatchObject({ failure: undefined, present: 1, phase: 'loading' })
    expect(sight.progress).toBe(
      'pod vllm-u1 was ended by its node (Evicted): The node was low on resource: memory. Another one takes its place',
    )
  })

  it('is a failure when nothing has taken its place for a while', () => {
    expect(look([evicted('u1', 14)])).toMatchObject({ failure: undefined, recheckInMs: 1_000 })
    expect(look([evicted('u1', 15)]).failure?.failure).toEqual({
      reason: 'resources',
      message: 'pod vllm-u1 was ended by its node (Evicted): The node was low on resource: memory.',
    })
  })

  it('is a failure when there are several of them, the latest named', () => {
    const pods = [evicted('u1', 30), evicted('u2', 18), evicted('u3', 19)]
    const { failure } = look([...pods, { uid: 'u4' }])
    expect(failure?.failure.message).toMatch(/^pod vllm-u2 was .*\. So were 2 before it$/)
    expect(look([...pods.slice(1), { uid: 'u4' }]).failure).toBeUndefined()
  })

  it.each([
    ['had ended before this start', { endedBefore: new Set(['u1']) }, {}],
    ['is of another template', {}, { revision: '0' }],
    ['is being deleted', {}, { leaving: true }],
  ])('says nothing of this start when it %s', (_, world, options) => {
    const sight = look([{ ...evicted('u1'), ...options }], world)
    expect(sight).toMatchObject({ failure: undefined, progress: undefined })
  })
})

describe('an incarnation', () => {
  const here = 'u1/containerd://c1'
  const ended = (containerID: string, exitCode: number, reason = 'Error') => ({
    terminated: { exitCode, reason, containerID },
  })
  /** As Kubernetes says it since 1.26. */
  const preempted = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'PreemptionByScheduler',
    message: 'default-scheduler: preempting to accommodate a higher priority pod',
  }

  it('is there while its container runs, Ready or not', () => {
    expect(look([{ ready: false }]).gone(here)).toBeUndefined()
  })

  it.each<[string, PodOptions, string]>([
    ['another pod', { uid: 'u2' }, 'its pod was deleted'],
    ['a pod that is being deleted', { leaving: true }, 'pod vllm-1 is being deleted'],
    [
      'a pod that is preempted',
      { leaving: true, conditions: [preempted] },
      'pod vllm-1 is being deleted (PreemptionByScheduler): default-scheduler: preempting to accommodate a higher priority pod',
    ],
    [
      'a pod that ended',
      { phase: 'Failed', reason: 'Evicted', message: 'low on memory' },
      'pod vllm-1 was ended (Evicted): low on memory',
    ],
    [
      'a container that ended',
      { container: { state: ended('containerd://c1', 1) } },
      'the container of pod vllm-1 ended with exit code 1',
    ],
    [
      'the next container',
      {
        container: {
          containerID: 'containerd://c2',
          state: ended('containerd://c2', 1),
          lastState: ended('containerd://c1', 137, 'OOMKilled'),
        },
      },
      'the container of pod vllm-1 ended with exit code 137 (OOMKilled)',
    ],
    [
      'a much later container',
      { container: { containerID: 'containerd://c9', lastState: ended('containerd://c8', 1) } },
      'the container of pod vllm-1 is another one',
    ],
  ])('is gone when there is only %s', (_, options, why) => {
    expect(look([options]).gone(here)).toBe(why)
  })
})
