import type { V1Pod, V1PodCondition } from '@kubernetes/client-node'
import { type ContainerLife, startContainer } from './container.ts'
import { podStatus } from './pod-status.ts'
import { pause } from './probes.ts'
import { createStatusWriter } from './status-writer.ts'
import { isCode, nameOf, type World } from './world.ts'

/** A pod that is bound to the node, until it has left the API. */
export interface PodLife {
  readonly address: string
  /** The pod as the API has it now: its deletion is told here. */
  update(pod: V1Pod): void
  /** It is gone from the API: whatever still runs is killed. */
  removed(): void
  container(name: string): ContainerLife | undefined
  kill(reason: 'Error' | 'OOMKilled'): void
  /** Every process of it has ended and its devices are free. */
  readonly over: Promise<void>
}

export interface PodSetting {
  readonly world: World
  readonly hostIP: string
  readonly gpuResource: string
  /** The node is gone: nothing is told any more. */
  readonly signal: AbortSignal
}

export function startPod(pod: V1Pod, setting: PodSetting): PodLife {
  const { world, hostIP, gpuResource, signal } = setting
  const { name, namespace, uid } = nameOf(pod)
  const writer = createStatusWriter(world.core, pod, signal)
  const specs = pod.spec?.containers ?? []
  const gpusOf = (index: number) => Number(specs[index]?.resources?.limits?.[gpuResource] ?? 0)
  const wanted = specs.reduce((sum, _, index) => sum + gpusOf(index), 0)
  const devices = [...(world.devices.assign(uid, wanted) ?? [])]
  const containers = new Map<string, ContainerLife>()
  const startTime = new Date()
  const podIP = world.network.next()
  let told: V1PodCondition[] = []
  let isOver = false
  let removed = false
  let deletion: { graceMs: number } | undefined

  const tell = () => {
    if (containers.size < specs.length) return
    const statuses = [...containers.values()].map((container) => container.status())
    const situation = { hostIP, podIP, startTime, containers: statuses, isOver, told }
    const status = podStatus(pod, situation)
    told = status.conditions ?? []
    writer.write(status)
  }
  const refuse = (reason: string, message: string) => {
    isOver = true
    writer.write({ phase: 'Failed', reason, message, startTime })
  }
  const leaveApi = async () => {
    await writer.settled()
    while (!signal.aborted) {
      try {
        const body = { preconditions: { uid }, gracePeriodSeconds: 0 }
        await world.core.deleteNamespacedPod({ name, namespace, body })
        return
      } catch (error) {
        if (isCode(error, 404, 409)) return
        await pause(200, signal)
      }
    }
  }

  if (devices.length < wanted) {
    const numbers = `Requested: ${wanted}, Available: ${devices.length}, which is unexpected`
    const what = `requested number of devices unavailable for ${gpuResource}. ${numbers}`
    refuse('UnexpectedAdmissionError', `Allocate failed due to ${what}`)
  } else if ((pod.spec?.initContainers ?? []).length > 0) {
    refuse('NotSimulated', 'the simulated node runs no init containers')
  } else {
    for (const [index, spec] of specs.entries()) {
      const before = pod.status?.containerStatuses?.find((status) => status.name === spec.name)
      const container = startContainer(pod, spec, {
        world,
        podIP,
        gpus: devices.splice(0, gpusOf(index)),
        // A containerID is there when this node has been away while the pod ran.
        restartCount: before?.containerID ? before.restartCount + 1 : 0,
        changed: tell,
      })
      containers.set(spec.name, container)
    }
    tell()
  }
  const allOver = async () => {
    await Promise.all([...containers.values()].map((container) => container.over))
    world.devices.release(uid)
    if (containers.size > 0) {
      isOver = true
      if (!removed) tell()
    }
    if (deletion !== undefined) await leaveApi()
  }
  const over = allOver()
  return {
    address: podIP,
    update(now) {
      if (now.metadata?.deletionTimestamp === undefined) return
      const graceMs = (now.metadata.deletionGracePeriodSeconds ?? 30) * 1000
      // A second deletion may shorten the grace, never lengthen it.
      if (deletion !== undefined && deletion.graceMs <= graceMs) return
      const isFirst = deletion === undefined
      deletion = { graceMs }
      if (isFirst) {
        for (const { name } of specs) world.report(now, 'Killing', `Stopping container ${name}`)
      }
      if (isOver) void leaveApi()
      else for (const container of containers.values()) container.end(graceMs)
    },
    removed() {
      removed = true
      for (const container of containers.values()) container.end(0)
    },
    container: (name) => containers.get(name),
    kill(reason) {
      for (const container of containers.values()) container.kill(reason)
    },
    over,
  }
}
