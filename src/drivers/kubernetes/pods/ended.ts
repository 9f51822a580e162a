import type { V1Pod } from '@kubernetes/client-node'
import { describeEnd } from './exits.ts'
import { conditionOf, hasEnded, isCurrent, isLeaving, nameOf, timeOf, uidOf } from './facts.ts'
import { andThen, failed, type Finding } from './finding.ts'
import type { PodWorld } from './types.ts'

/** By then a ReplicaSet has made another pod, if it may. */
const replacedWithinMs = 5_000
/** A node that ends so many pods in a row ends the next one too. */
const mostEnded = 3

/** Pods of this start that their nodes threw out or did not take: another one is made each time. */
export function endedFinding(world: PodWorld, alive: readonly V1Pod[]): Finding | undefined {
  const { pods, deployment, endedBefore, now } = world
  const ended = pods
    .filter((pod) => pod.status?.phase === 'Failed' && !isLeaving(pod))
    .filter((pod) => isCurrent(pod, deployment) && !endedBefore?.has(uidOf(pod)))
    .toSorted((a, b) => endOf(b) - endOf(a))
  const [latest] = ended
  if (latest === undefined) return undefined
  const { reason = 'Failed', message = '' } = latest.status ?? {}
  const what = `pod ${nameOf(latest)} was ended by its node (${reason}): ${message}`
  if (ended.length >= mostEnded) {
    return failed('resources', andThen(what, `so were ${ended.length - 1} before it`))
  }
  if (alive.length > 0) return { progress: andThen(what, 'another one takes its place') }
  const leftMs = endOf(latest) + replacedWithinMs - now
  if (leftMs <= 0) return failed('resources', what)
  return { progress: what, recheckInMs: leftMs }
}

/** A pod that was never taken has only its beginning. */
function endOf({ metadata, status }: V1Pod): number {
  const finished =
    status?.containerStatuses?.map(({ state }) => state?.terminated?.finishedAt) ?? []
  const changed = status?.conditions?.map(({ lastTransitionTime }) => lastTransitionTime) ?? []
  const times = [metadata?.creationTimestamp, ...finished, ...changed]
  return Math.max(0, ...times.map((time) => timeOf(time) ?? 0))
}

/** Why an incarnation serves no more; undefined while its container runs. */
export function whyGone(pods: readonly V1Pod[], incarnation: string): string | undefined {
  const slash = incarnation.indexOf('/')
  const [uid, containerID] = [incarnation.slice(0, slash), incarnation.slice(slash + 1)]
  const pod = pods.find((each) => uidOf(each) === uid)
  if (!pod) return 'its pod was deleted'
  const why = disruptionOf(pod)
  if (hasEnded(pod)) return `pod ${nameOf(pod)} was ended${why}`
  const runs = pod.status?.containerStatuses?.some(
    (status) => status.containerID === containerID && status.state?.running !== undefined,
  )
  if (!runs) return describeEnd(pod, containerID)
  if (isLeaving(pod)) return `pod ${nameOf(pod)} is being deleted${why}`
  return undefined
}

/** Preempted, evicted, drained, or its node is lost: Kubernetes says so since 1.26. */
function disruptionOf(pod: V1Pod): string {
  const disrupted = conditionOf(pod, 'DisruptionTarget')
  const { reason, message } = disrupted?.status === 'True' ? disrupted : (pod.status ?? {})
  return reason ? ` (${reason})${message ? `: ${message}` : ''}` : ''
}
