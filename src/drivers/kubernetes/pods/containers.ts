import type {
  V1ContainerState,
  V1ContainerStateTerminated,
  V1ContainerStatus,
  V1Pod,
} from '@kubernetes/client-node'
import type { PodFailure } from './types.ts'

/** What no further try can cure; registries say it in many ways. */
const incurable =
  /not found|manifest unknown|denied|unauthorized|forbidden|no basic auth|invalid reference|does not exist|authentication required|no match for platform/i

const brokenConfig = new Set([
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
  'PreStartHookError',
  'PostStartHookError',
])
const brokenImage = new Set([
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
])

/** Why a container will not come up; undefined while it may. */
export function containerFailure(
  pod: V1Pod,
  status: V1ContainerStatus,
  restartsBefore: number,
): PodFailure | undefined {
  const name = pod.metadata?.name ?? ''
  const { waiting, terminated } = status.state ?? {}
  const last = status.lastState?.terminated
  const reason = waiting?.reason ?? ''
  if (
    brokenImage.has(reason) ||
    (reason === 'ErrImagePull' && incurable.test(waiting?.message ?? ''))
  ) {
    return imageFailure(status, waiting)
  }
  if (brokenConfig.has(reason)) {
    return {
      failure: {
        reason: 'resources',
        message: `container ${status.name} cannot be made (${reason}): ${waiting?.message ?? ''}; make what it refers to, or change the manifest`,
      },
    }
  }
  const log = (previous: boolean) => ({ pod: name, container: status.name, previous })
  if (terminated && isOfInterest(pod, status.name)) {
    return exitFailure(status, terminated, log(false))
  }
  const hasRestarted = status.restartCount > restartsBefore && isOfInterest(pod, status.name)
  if (last && (hasRestarted || reason === 'CrashLoopBackOff')) {
    return exitFailure(status, last, log(true))
  }
  if (reason === 'CrashLoopBackOff') {
    const message = `container ${status.name} ends again and again: ${waiting?.message ?? ''}`
    return { failure: { reason: 'exited', message }, wantsLog: log(true) }
  }
  return undefined
}

/** Init containers end, and are tried again where they fail: only CrashLoopBackOff tells of them. */
function isOfInterest({ spec }: V1Pod, container: string): boolean {
  return spec?.containers.some(({ name }) => name === container) ?? false
}

function imageFailure(
  { image, name }: V1ContainerStatus,
  waiting: V1ContainerState['waiting'],
): PodFailure {
  const { reason, message } = waiting ?? {}
  return {
    failure: {
      reason: 'image_pull',
      message: `image ${image} of container ${name} cannot be pulled (${reason}): ${message ?? ''}; check its name, and whether it needs a pull secret`,
    },
  }
}

function exitFailure(
  { name }: V1ContainerStatus,
  { exitCode, signal, reason, message }: V1ContainerStateTerminated,
  wantsLog: NonNullable<PodFailure['wantsLog']>,
): PodFailure {
  const how = signal ? `signal ${signal}` : `exit code ${exitCode}`
  if (reason === 'OOMKilled') {
    return {
      failure: {
        reason: 'out_of_memory',
        message: `container ${name} was killed for want of memory (OOMKilled, ${how}): raise its memory limit, or load less`,
      },
      wantsLog,
    }
  }
  const said = message?.trim().split('\n').at(-1)
  return {
    failure: {
      reason: 'exited',
      message: `container ${name} ended with ${how}${reason && reason !== 'Error' ? ` (${reason})` : ''}${said ? `: ${said}` : ''}`,
    },
    wantsLog,
  }
}

/** How a container that served has ended. */
export function describeEnd(pod: V1Pod, containerID: string): string {
  const name = pod.metadata?.name ?? ''
  const status = pod.status?.containerStatuses?.find(
    (each) =>
      each.containerID === containerID ||
      each.lastState?.terminated?.containerID === containerID ||
      each.state?.terminated?.containerID === containerID,
  )
  const ended = status?.state?.terminated ?? status?.lastState?.terminated
  if (!ended) return `the container of pod ${name} is another one`
  const { exitCode, signal, reason } = ended
  const how = signal ? `signal ${signal}` : `exit code ${exitCode}`
  return `the container of pod ${name} ended with ${how}${reason && reason !== 'Error' ? ` (${reason})` : ''}`
}
