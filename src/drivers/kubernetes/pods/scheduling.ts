import type { V1Pod } from '@kubernetes/client-node'
import { conditionOf, isLeaving, nameOf, timeOf, uidOf } from './facts.ts'
import { andThen, failed, type Finding } from './finding.ts'
import type { AutoscalerSays, PodWorld } from './types.ts'

/** Autoscalers look every ten seconds or so; one that has said nothing for longer is not there. */
const silentAutoscalerMs = 15_000
/** The scheduler looks again at what it put aside within its longest back-off. */
const schedulerBackOffMs = 10_000
/** A pod that is there so long after its grace is on a node that does not answer. */
const lateMs = 30_000
/** What no node cures, wherever it comes from. */
const incurable = /persistentvolumeclaim "[^"]+" (not found|is being deleted)/i
const roomIsMissing = /insufficient|too many pods/i

export function isUnschedulable(pod: V1Pod): boolean {
  const scheduled = conditionOf(pod, 'PodScheduled')
  return scheduled?.status === 'False' && scheduled.reason === 'Unschedulable'
}

/** Why no node takes a pod, and for how long that may be. */
export function schedulingFinding(pod: V1Pod, world: PodWorld): Finding | undefined {
  if (isUnschedulable(pod)) return unschedulableFinding(pod, world)
  const scheduled = conditionOf(pod, 'PodScheduled')
  if (scheduled?.status !== 'False' || scheduled.reason !== 'SchedulingGated') return undefined
  const gates = pod.spec?.schedulingGates?.map(({ name }) => name).join(', ')
  return { progress: `nobody has opened the scheduling gates of its pod yet: ${gates}` }
}

function unschedulableFinding(pod: V1Pod, world: PodWorld): Finding {
  const { now, graceMs, othersLeave, othersHold = false, pods } = world
  const { message = '', lastTransitionTime } = conditionOf(pod, 'PodScheduled') ?? {}
  const asked = devicesOf(pod)
  const lacksRoom = roomIsMissing.test(message)
  const who = lacksRoom ? 'no node has room for it' : 'no node takes it'
  const what = `${who}${asked ? ` (it asks for ${asked})` : ''}: ${message}`
  if (incurable.test(message)) return failed('unschedulable', andThen(what, 'create it'))

  const leaving = pods.filter((other) => isLeaving(other))
  const late = leaving.find((other) => lateBy(other, now) >= lateMs)
  if (late === undefined && (othersLeave || leaving.length > 0)) {
    const first = leaving.map((other) => lateMs - lateBy(other, now)).toSorted((a, b) => a - b)[0]
    return {
      progress: andThen(what, 'what holds the GPU is just leaving'),
      ...(first !== undefined && { recheckInMs: first }),
    }
  }
  const why = late === undefined ? what : andThen(what, describeLate(late))
  const says: AutoscalerSays = world.autoscaler?.get(uidOf(pod)) ?? 'nothing'
  // Nobody quiet may be in its place, so that it is not waited for long.
  const isShort = lacksRoom && othersHold && says !== 'adds a node'
  if (says === 'cannot help' && !isShort) return failed('unschedulable', why)
  const node = pod.status?.nominatedNodeName
  const isHelped = says === 'adds a node' || Boolean(node)
  const allowedMs = isHelped ? graceMs : Math.min(graceMs, silentAutoscalerMs)
  const since = timeOf(lastTransitionTime) ?? timeOf(pod.metadata?.creationTimestamp) ?? now
  const leftMs = Math.max(
    since + allowedMs - now,
    (world.lastLeftAt ?? Number.NEGATIVE_INFINITY) + schedulerBackOffMs - now,
  )
  if (leftMs <= 0) return failed('unschedulable', why)
  const hope = node
    ? `pods of less priority leave node ${node} for it`
    : 'it waits, as an autoscaler adds a node'
  return {
    progress: isHelped ? andThen(why, hope) : why,
    recheckInMs: leftMs,
    ...(isShort && { isShort }),
  }
}

/** `4 nvidia.com/gpu`; whatever is counted in whole devices. */
function devicesOf({ spec }: V1Pod): string | undefined {
  const limits = (spec?.containers ?? []).flatMap(({ resources }) =>
    Object.entries(resources?.limits ?? {}),
  )
  const devices = limits.filter(([name]) => name.includes('/'))
  return devices.map(([name, count]) => `${count} ${name}`).join(', ') || undefined
}

/** Since when it should be gone, ms: its deletion time has its grace in it. */
function lateBy({ metadata }: V1Pod, now: number): number {
  return now - (timeOf(metadata?.deletionTimestamp) ?? now)
}

function describeLate(pod: V1Pod): string {
  const on = pod.spec?.nodeName ? ` of node ${pod.spec.nodeName}` : ''
  return `pod ${nameOf(pod)}${on} should have ended by now: if that node is lost, delete the pod with --force`
}
