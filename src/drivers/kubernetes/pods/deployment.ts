import type { V1Deployment, V1Pod } from '@kubernetes/client-node'
import { isReady, timeOf } from './facts.ts'
import { andThen, failed, type Finding } from './finding.ts'
import type { PodWorld } from './types.ts'

/** What a quota counts is corrected that soon after a pod has gone. */
const quotaLagMs = 5_000
/** A webhook that is just being replaced answers again within it. */
const passingMs = 15_000
const passing =
  /failed calling webhook|timeout|timed out|deadline exceeded|connection refused|internal error|etcdserver|too many requests/i

/** Why no pod is made, or none comes up, in the words of the Deployment. */
export function deploymentFinding(world: PodWorld, alive: readonly V1Pod[]): Finding | undefined {
  const { deployment } = world
  const { observedGeneration = 0 } = deployment?.status ?? {}
  // Its conditions are of an earlier wish.
  if (observedGeneration < (deployment?.metadata?.generation ?? 0)) return undefined
  return (
    refusedFinding(world, alive) ??
    lateFinding(deployment, alive) ??
    (alive.length === 0 && deployment?.spec?.paused
      ? { progress: `Deployment ${deployment.metadata?.name} is paused: kubectl rollout resume` }
      : undefined)
  )
}

function refusedFinding(world: PodWorld, alive: readonly V1Pod[]): Finding | undefined {
  const { deployment, pods, othersLeave, now, lastLeftAt } = world
  const refused =
    conditionOf(deployment, 'Progressing', 'False', 'ReplicaSetCreateError') ??
    conditionOf(deployment, 'ReplicaFailure', 'True', 'FailedCreate')
  if (refused === undefined || alive.length > 0) return undefined
  const { reason, message = '', lastTransitionTime } = refused
  const what = `the cluster does not let the pod be made (${reason}): ${message}`
  const quota = /exceeded quota: ([^,\s]+)/.exec(message)?.[1]
  const why =
    quota === undefined
      ? what
      : andThen(what, `raise ResourceQuota ${quota}, or free what it counts`)
  if (
    quota !== undefined &&
    (othersLeave || pods.some(({ metadata }) => metadata?.deletionTimestamp))
  )
    return { progress: andThen(what, 'what it counts is just leaving') }
  const since = Math.max(timeOf(lastTransitionTime) ?? 0, lastLeftAt ?? 0)
  const allowedMs = quota === undefined ? (passing.test(message) ? passingMs : 0) : quotaLagMs
  const leftMs = since + allowedMs - now
  return allowedMs === 0 || leftMs <= 0
    ? failed('resources', why)
    : { progress: andThen(what, 'it is tried again'), recheckInMs: leftMs }
}

function lateFinding(
  deployment: V1Deployment | undefined,
  alive: readonly V1Pod[],
): Finding | undefined {
  const late = conditionOf(deployment, 'Progressing', 'False', 'ProgressDeadlineExceeded')
  if (late === undefined || alive.length === 0 || alive.some((pod) => isReady(pod)))
    return undefined
  const newest = Math.max(...alive.map(({ metadata }) => timeOf(metadata?.creationTimestamp) ?? 0))
  // It was of earlier pods.
  if ((timeOf(late.lastTransitionTime) ?? 0) < newest) return undefined
  return failed('deadline', `ProgressDeadlineExceeded: ${late.message}`)
}

function conditionOf(
  deployment: V1Deployment | undefined,
  type: string,
  status: string,
  reason: string,
) {
  return deployment?.status?.conditions?.find(
    (each) => each.type === type && each.status === status && each.reason === reason,
  )
}
