import type { V1ContainerStatus, V1Pod } from '@kubernetes/client-node'
import { exitFinding, notRunFinding } from './exits.ts'
import { firstOf, nameOf, uidOf } from './facts.ts'
import { andThen, failed, type Finding } from './finding.ts'
import { imageFinding } from './image.ts'
import { servingStatus } from './serving.ts'
import type { PodWorld } from './types.ts'

/** Reasons why a container cannot be made of what the manifest says. */
const notMade = new Set([
  'CreateContainerConfigError',
  'CreateContainerError',
  'PreCreateHookError',
  'PreStartHookError',
  'PostStartHookError',
])
/** The node's own trouble, which is over when it tries again. */
const passing =
  /failed to sync|timed out|timeout|deadline exceeded|connection refused|is reserved for|etcdserver|too many requests|try again/i

/** Why the containers of a pod will not come up, or what they wait for. */
export function containersFinding(pod: V1Pod, world: PodWorld): Finding | undefined {
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {}
  const serving = servingStatus(pod, world.service)
  const restartsBefore = world.restartsBefore?.get(uidOf(pod)) ?? 0
  const findings = [...initContainerStatuses, ...containerStatuses].flatMap(
    (status) =>
      imageFinding(status) ??
      makingFinding(status) ??
      endFinding(pod, status, status === serving ? restartsBefore : undefined) ??
      [],
  )
  return (
    findings.find(({ failure }) => failure) ??
    findings[0] ??
    firstOf(initContainerStatuses, (status) => initFinding(pod, status))
  )
}

function makingFinding({ name, state }: V1ContainerStatus): Finding | undefined {
  const { reason = '', message = '' } = state?.waiting ?? {}
  if (reason === 'RunContainerError') return notRunFinding(name, reason, message)
  if (!notMade.has(reason)) return undefined
  const what = `container ${name} cannot be made (${reason}): ${message}`
  if (passing.test(message)) return { progress: andThen(what, 'the node tries again') }
  return failed('resources', andThen(what, adviceFor(message)))
}

function adviceFor(message: string): string {
  const [, key, kind, name] =
    /find key (\S+) in (Secret|ConfigMap) \S*?([^/\s]+)$/.exec(message) ?? []
  if (key !== undefined) return `add ${key} to ${kind} ${name}, or change what refers to it`
  const [, missing, called] = /(secret|configmap) "([^"]+)" not found/i.exec(message) ?? []
  if (missing === undefined) return 'change its manifest or its podTemplate'
  const isSecret = missing.toLowerCase() === 'secret'
  return `create ${isSecret ? 'Secret' : 'ConfigMap'} ${called}, or change what refers to it`
}

/**
 * A container that ended. Of the one that serves the first end counts, unless it was before this
 * start; others may need several tries until what they want is there, and are told of once they
 * fail again and again.
 */
function endFinding(
  pod: V1Pod,
  status: V1ContainerStatus,
  restartsBefore: number | undefined,
): Finding | undefined {
  const { waiting, terminated } = status.state ?? {}
  const last = status.lastState?.terminated
  const log = (previous: boolean) => ({ pod: nameOf(pod), container: status.name, previous })
  const serves = restartsBefore !== undefined
  if (serves && terminated) return exitFinding(status, terminated, log(false))
  const failsAgain = waiting?.reason === 'CrashLoopBackOff'
  const hasRestarted = serves && status.restartCount > restartsBefore
  if (last && (hasRestarted || failsAgain)) return exitFinding(status, last, log(true))
  if (!failsAgain) return undefined
  const message = `container ${status.name} ends again and again: ${waiting?.message ?? ''}`
  return failed('exited', message, log(true))
}

/** What comes before vLLM: a download, mostly. A sidecar among them is to run for ever. */
function initFinding({ spec }: V1Pod, { name, state }: V1ContainerStatus): Finding | undefined {
  const container = spec?.initContainers?.find((each) => each.name === name)
  if (state?.running === undefined || container?.restartPolicy === 'Always') return undefined
  return { progress: `init container ${name} runs` }
}
