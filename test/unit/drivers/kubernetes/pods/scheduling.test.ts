import { describe, expect, it } from 'vitest'
import { look, now, type PodOptions } from './fixtures.ts'

const message = '0/1 nodes are available: 1 Insufficient nvidia.com/gpu.'
const since = (seconds: number, words = message): PodOptions => ({
  node: undefined,
  phase: 'Pending',
  unschedulable: { message: words, seconds },
})
const leaving: PodOptions = { name: 'old', uid: 'u0', leaving: true, overdue: -5 }

describe('a pod that no node takes', () => {
  it('is told of at once, with what it asks for, and fails when no autoscaler speaks', () => {
    const young = look([since(2)])
    expect(young.failure).toBeUndefined()
    expect(young.progress).toBe(
      `no node has room for it (it asks for 2 nvidia.com/gpu): ${message}`,
    )
    expect(young.unschedulable?.metadata?.uid).toBe('u1')
    expect(young.recheckInMs).toBe(13_000)
    expect(look([since(15)]).failure?.failure).toEqual({
      reason: 'unschedulable',
      message: young.progress,
    })
  })

  it('waits no longer than it may, autoscaler or not', () => {
    expect(look([since(2)], { graceMs: 3_000 }).recheckInMs).toBe(1_000)
    expect(look([since(0)], { graceMs: 0 }).failure).toBeDefined()
  })

  it('is not said to lack room where that is not what it lacks', () => {
    const words = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
    expect(look([since(0, words)]).progress).toContain(`no node takes it (it asks for 2`)
  })

  it('has its whole grace while an autoscaler adds a node', () => {
    const autoscaler = new Map([['u1', 'adds a node' as const]])
    expect(look([since(299)], { autoscaler }).progress).toContain('an autoscaler adds a node')
    expect(look([since(300)], { autoscaler }).failure).toBeDefined()
  })

  it('has its whole grace while others of less priority leave for it', () => {
    const preempting = { ...since(20), nominated: 'gpu-1' }
    expect(look([preempting]).progress).toContain('leave node gpu-1 for it')
    expect(look([preempting]).recheckInMs).toBe(280_000)
  })

  it('is short of what another backend may hold, unless room is not what it lacks or a node is coming', () => {
    expect(look([since(2)]).isShort).toBe(false)
    expect(look([since(2)], { othersHold: true }).isShort).toBe(true)
    expect(look([since(15)], { othersHold: true })).toMatchObject({
      isShort: false,
      failure: { failure: { reason: 'unschedulable' } },
    })
    const words = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
    expect(look([since(2, words)], { othersHold: true }).isShort).toBe(false)
    const adding = new Map([['u1', 'adds a node' as const]])
    expect(look([since(2)], { othersHold: true, autoscaler: adding }).isShort).toBe(false)
    const helpless = new Map([['u1', 'cannot help' as const]])
    expect(look([since(2)], { othersHold: true, autoscaler: helpless }).isShort).toBe(true)
  })

  it('fails at once where the autoscaler cannot help', () => {
    const autoscaler = new Map([['u1', 'cannot help' as const]])
    expect(look([since(0)], { autoscaler }).failure?.failure.message).toContain(message)
  })

  it.each([
    '0/1 nodes are available: 1 persistentvolumeclaim "weights" not found.',
    '0/1 nodes are available: persistentvolumeclaim "weights" not found. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
  ])('fails at once for want of a claim: %s', (words) => {
    const { failure } = look([since(0, words), leaving])
    expect(failure?.failure.message).toContain(`${words} Create it`)
  })

  it('waits for what is just leaving, of this backend or another', () => {
    expect(look([since(60), leaving]).progress).toBe(
      `no node has room for it (it asks for 2 nvidia.com/gpu): ${message} What holds the GPU is just leaving`,
    )
    expect(look([since(60)], { othersLeave: true }).failure).toBeUndefined()
    expect(look([since(60)], { othersLeave: true }).recheckInMs).toBeUndefined()
  })

  it('is left to the scheduler for a moment when that has gone', () => {
    expect(look([since(60)], { lastLeftAt: now - 9_000 }).recheckInMs).toBe(1_000)
    expect(look([since(60)], { lastLeftAt: now - 10_000 }).failure).toBeDefined()
  })

  it('does not wait for ever for a pod on a node that is lost', () => {
    const late = (overdue: number) => look([since(60), { ...leaving, overdue }])
    expect(late(29)).toMatchObject({ failure: undefined, recheckInMs: 1_000 })
    expect(late(30).failure?.failure.message).toBe(
      `no node has room for it (it asks for 2 nvidia.com/gpu): ${message} Pod old of node gpu-1 should have ended by now: if that node is lost, delete the pod with --force`,
    )
  })

  it('is held back by gates, and named with them', () => {
    const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }]
    const gates = ['kueue.x-k8s.io/admission']
    const gated = look([{ node: undefined, gates, conditions, isScheduled: false }])
    expect(gated).toMatchObject({
      phase: 'scheduling',
      failure: undefined,
      progress: 'nobody has opened the scheduling gates of its pod yet: kueue.x-k8s.io/admission',
    })
  })
})
