import type { V1ContainerStatus, V1Pod, V1PodCondition, V1PodStatus } from '@kubernetes/client-node'
import type { Plain } from './world.ts'

export interface PodSituation {
  readonly hostIP: string
  readonly podIP: string
  readonly startTime: Date
  readonly containers: readonly V1ContainerStatus[]
  /** No container will run again. */
  readonly isOver: boolean
  /** The conditions told last, whose times stay while their status does. */
  readonly told: readonly V1PodCondition[]
}

/** A pod's status in a kubelet's words; the scheduler's condition is not the kubelet's to tell. */
export function podStatus(pod: V1Pod, situation: PodSituation): V1PodStatus {
  const { hostIP, podIP, startTime, containers, isOver } = situation
  const phase = phaseOf(containers, isOver)
  const conditions = conditionsOf(pod, situation, phase)
  // An address is known once something runs, as a kubelet learns it from the sandbox.
  const hasAddress = containers.some(({ containerID }) => containerID !== undefined)
  return {
    phase,
    hostIP,
    startTime,
    conditions,
    containerStatuses: [...containers],
    ...(hasAddress && { podIP, podIPs: [{ ip: podIP }] }),
    qosClass: pod.status?.qosClass,
  }
}

function phaseOf(containers: readonly V1ContainerStatus[], isOver: boolean): string {
  if (isOver) {
    const good = containers.every(({ state }) => state?.terminated?.exitCode === 0)
    return good ? 'Succeeded' : 'Failed'
  }
  const neverRan = containers.some(
    ({ state, lastState }) => state?.waiting !== undefined && lastState?.terminated === undefined,
  )
  return neverRan ? 'Pending' : 'Running'
}

function conditionsOf(
  pod: V1Pod,
  { containers, told }: PodSituation,
  phase: string,
): V1PodCondition[] {
  const unready = containers.filter(({ ready }) => !ready).map(({ name }) => name)
  const unreadiness =
    phase === 'Succeeded'
      ? { reason: 'PodCompleted' }
      : {
          reason: 'ContainersNotReady',
          message: `containers with unready status: [${unready.join(' ')}]`,
        }
  const readiness = unready.length === 0 ? { status: 'True' } : { status: 'False', ...unreadiness }
  const now: Plain<V1PodCondition>[] = [
    { type: 'Initialized', status: 'True' },
    { type: 'Ready', ...readiness },
    { type: 'ContainersReady', ...readiness },
  ]
  const before = told.length > 0 ? told : (pod.status?.conditions ?? [])
  for (const condition of now) {
    const last = before.find(({ type }) => type === condition.type)
    const stays = last?.status === condition.status
    condition.lastTransitionTime = stays ? last?.lastTransitionTime : new Date()
  }
  return now
}
