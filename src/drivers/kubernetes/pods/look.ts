import type { V1Deployment, V1Pod, V1PodCondition, V1Service } from '@kubernetes/client-node'
import type { StartPhase } from '../../../../machines/index.ts'
import { containerFailure, describeEnd } from './containers.ts'
import type { AutoscalerSays, PodFailure, PodSight, PodWorld, ReadyPod } from './types.ts'

const ownAnnotations = 'vllm-chill.efortin.github.io/'
/** vLLM's own, where neither the container nor the Service says another. */
const usualPort = 8000
/** Autoscalers look every ten seconds or so; one that has said nothing for longer is not there. */
const silentAutoscalerMs = 15_000

/** What the pods of a backend tell: how far a start is, why it cannot work, who can be asked. */
export function lookAtPods(world: PodWorld): PodSight {
  const { deployment, service } = world
  // What has ended for good holds no GPU, and nobody takes it away.
  const present = world.pods.filter((pod) => !hasEnded(pod))
  const alive = present.filter((pod) => !isLeaving(pod) && isCurrent(pod, deployment))
  const unscheduled = alive.find((pod) => isUnschedulable(pod))
  const waiting = unscheduled && waitForNode(unscheduled, world, present)
  const failure =
    firstOf(alive, (pod) => podFailure(pod, world.restartsBefore)) ??
    waiting?.failure ??
    evicted(world, alive) ??
    deploymentFailure(deployment, alive)
  return {
    phase: phaseOf(alive, deployment),
    failure,
    progress: failure === undefined ? waiting?.progress : undefined,
    unschedulable: unscheduled,
    ready: alive.flatMap((pod) => readyPod(pod, service) ?? []),
    present: present.length,
    leaving: present.some((pod) => isLeaving(pod)),
    recheckInMs: failure === undefined ? waiting?.recheckInMs : undefined,
    gone: (incarnation) => whyGone(world.pods, incarnation),
  }
}

function firstOf<T, R>(all: readonly T[], look: (one: T) => R | undefined): R | undefined {
  for (const one of all) {
    const found = look(one)
    if (found !== undefined) return found
  }
  return undefined
}

export function hasEnded({ status }: V1Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed'
}

function isLeaving({ metadata }: V1Pod): boolean {
  return metadata?.deletionTimestamp !== undefined
}

/** Of the template as it is now, as far as our annotations tell. */
function isCurrent({ metadata }: V1Pod, deployment: V1Deployment | undefined): boolean {
  const wanted = deployment?.spec?.template.metadata?.annotations ?? {}
  return Object.entries(wanted).every(
    ([key, value]) => !key.startsWith(ownAnnotations) || metadata?.annotations?.[key] === value,
  )
}

function conditionOf({ status }: V1Pod, type: string): V1PodCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === type)
}

function isUnschedulable(pod: V1Pod): boolean {
  const scheduled = conditionOf(pod, 'PodScheduled')
  return scheduled?.status === 'False' && scheduled.reason === 'Unschedulable'
}

function podFailure(pod: V1Pod, restarts: PodWorld['restartsBefore']): PodFailure | undefined {
  const before = restarts?.get(pod.metadata?.uid ?? '') ?? 0
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {}
  return firstOf([...initContainerStatuses, ...containerStatuses], (status) =>
    containerFailure(pod, status, before),
  )
}

function waitForNode(
  pod: V1Pod,
  { now, graceMs, autoscaler, othersLeave }: PodWorld,
  present: readonly V1Pod[],
): Pick<PodSight, 'progress' | 'recheckInMs'> & { failure?: PodFailure } {
  const { message = '', lastTransitionTime } = conditionOf(pod, 'PodScheduled') ?? {}
  const asked = gpusOf(pod)
  const what = `no node has room for it${asked ? ` (it asks for ${asked})` : ''}: ${message}`
  const failure = { failure: { reason: 'unschedulable' as const, message: what } }
  // The scheduler tries again as soon as they are gone.
  if (othersLeave || present.some((other) => isLeaving(other))) {
    return { progress: `${what}; what holds the GPU is just leaving`, recheckInMs: undefined }
  }
  const says: AutoscalerSays = autoscaler?.get(pod.metadata?.uid ?? '') ?? 'nothing'
  if (says === 'cannot help') return { failure, progress: undefined, recheckInMs: undefined }
  const since = timeOf(lastTransitionTime) ?? timeOf(pod.metadata?.creationTimestamp) ?? now
  const allowedMs = says === 'adds a node' ? graceMs : Math.min(graceMs, silentAutoscalerMs)
  const leftMs = since + allowedMs - now
  if (leftMs <= 0) return { failure, progress: undefined, recheckInMs: undefined }
  const hope = says === 'adds a node' ? '; an autoscaler adds a node' : ''
  return { progress: `${what}${hope}`, recheckInMs: leftMs }
}

/** `4 nvidia.com/gpu`; whatever is counted in whole devices. */
function gpusOf({ spec }: V1Pod): string | undefined {
  const limits = (spec?.containers ?? []).flatMap(({ resources }) =>
    Object.entries(resources?.limits ?? {}),
  )
  const devices = limits.filter(([name]) => name.includes('/'))
  return devices.map(([name, count]) => `${count} ${name}`).join(', ') || undefined
}

function timeOf(time: Date | string | undefined): number | undefined {
  return time === undefined ? undefined : new Date(time).getTime()
}

/** A pod that was thrown out, and none that takes its place. Nobody takes it away, so it may be an old one. */
function evicted({ pods, endedBefore }: PodWorld, alive: readonly V1Pod[]): PodFailure | undefined {
  if (alive.length > 0) return undefined
  const pod = pods.find(
    (each) =>
      each.status?.phase === 'Failed' &&
      !isLeaving(each) &&
      !endedBefore?.has(each.metadata?.uid ?? ''),
  )
  if (!pod) return undefined
  const { reason = 'Failed', message = '' } = pod.status ?? {}
  return {
    failure: {
      reason: 'resources',
      message: `pod ${pod.metadata?.name} was ended by its node (${reason}): ${message}`,
    },
  }
}

function deploymentFailure(
  deployment: V1Deployment | undefined,
  alive: readonly V1Pod[],
): PodFailure | undefined {
  const { conditions = [], observedGeneration = 0 } = deployment?.status ?? {}
  // Its conditions are of an earlier wish.
  if (observedGeneration < (deployment?.metadata?.generation ?? 0)) return undefined
  const holds = (type: string, status: string) =>
    conditions.find((condition) => condition.type === type && condition.status === status)
  const refused = holds('ReplicaFailure', 'True')
  if (refused && alive.length === 0) {
    return {
      failure: {
        reason: 'resources',
        message: `the cluster does not let the pod be made (${refused.reason}): ${refused.message}`,
      },
    }
  }
  const late = holds('Progressing', 'False')
  const newest = Math.max(...alive.map(({ metadata }) => timeOf(metadata?.creationTimestamp) ?? 0))
  if (
    late?.reason === 'ProgressDeadlineExceeded' &&
    alive.length > 0 &&
    (timeOf(late.lastTransitionTime) ?? 0) >= newest &&
    !alive.some((pod) => conditionOf(pod, 'Ready')?.status === 'True')
  ) {
    return { failure: { reason: 'deadline', message: `ProgressDeadlineExceeded: ${late.message}` } }
  }
  return undefined
}

function phaseOf(
  alive: readonly V1Pod[],
  deployment: V1Deployment | undefined,
): StartPhase | undefined {
  const phases = new Set(alive.map(phaseOfPod))
  for (const phase of ['loading', 'process', 'image', 'scheduling'] as const) {
    if (phases.has(phase)) return phase
  }
  return (deployment?.spec?.replicas ?? 0) > 0 ? 'resources' : undefined
}

function phaseOfPod({ spec, status }: V1Pod): StartPhase {
  if (!spec?.nodeName) return 'scheduling'
  const states = status?.containerStatuses ?? []
  return states.some(({ state }) => state?.running !== undefined) ? 'loading' : 'image'
}

function readyPod(pod: V1Pod, service: V1Service | undefined): ReadyPod | undefined {
  const address = pod.status?.podIP
  if (conditionOf(pod, 'Ready')?.status !== 'True' || !address) return undefined
  const { container, port } = portOf(pod, service)
  const status = pod.status?.containerStatuses?.find(({ name }) => name === container)
  if (status?.state?.running === undefined || !status.containerID) return undefined
  return { pod, address, port, incarnation: `${pod.metadata?.uid}/${status.containerID}` }
}

/** The container that serves and its port: the one named `http`, else where the Service leads. */
function portOf({ spec }: V1Pod, service: V1Service | undefined) {
  const containers = spec?.containers ?? []
  const named = (name: string) =>
    firstOf(containers, (container) => {
      const port = container.ports?.find((each) => each.name === name)
      return port && { container: container.name, port: port.containerPort }
    })
  const http = named('http')
  if (http) return http
  const target = service?.spec?.ports?.[0]?.targetPort ?? service?.spec?.ports?.[0]?.port
  if (typeof target === 'string' && !/^\d+$/.test(target)) {
    const found = named(target)
    if (found) return found
  }
  const port = Number(target) || containers[0]?.ports?.[0]?.containerPort || usualPort
  const owner = containers.find(({ ports }) => ports?.some((each) => each.containerPort === port))
  return { container: (owner ?? containers[0])?.name ?? '', port }
}

function whyGone(pods: readonly V1Pod[], incarnation: string): string | undefined {
  const slash = incarnation.indexOf('/')
  const [uid, containerID] = [incarnation.slice(0, slash), incarnation.slice(slash + 1)]
  const pod = pods.find(({ metadata }) => metadata?.uid === uid)
  if (!pod) return 'its pod was deleted'
  const name = pod.metadata?.name ?? ''
  if (hasEnded(pod))
    return `pod ${name} was ended: ${pod.status?.reason ?? ''} ${pod.status?.message ?? ''}`.trim()
  const runs = pod.status?.containerStatuses?.some(
    (status) => status.containerID === containerID && status.state?.running !== undefined,
  )
  if (!runs) return describeEnd(pod, containerID)
  if (isLeaving(pod)) return `pod ${name} is being deleted`
  return undefined
}
