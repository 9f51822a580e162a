import type { V1ContainerStatus, V1Pod, V1Service } from '@kubernetes/client-node'
import { firstOf, isReady, uidOf } from './facts.ts'
import type { ReadyPod } from './types.ts'

/** vLLM's own, where neither the container nor the Service says another. */
const usualPort = 8000

export function readyPod(pod: V1Pod, service: V1Service | undefined): ReadyPod | undefined {
  const address = pod.status?.podIP
  if (!isReady(pod) || !address) return undefined
  const status = servingStatus(pod, service)
  if (status?.state?.running === undefined || !status.containerID) return undefined
  const { port } = serverOf(pod, service)
  return { pod, address, port, incarnation: `${uidOf(pod)}/${status.containerID}` }
}

/** Of the container that serves: what others beside it do is not the engine's doing. */
export function servingStatus(
  pod: V1Pod,
  service: V1Service | undefined,
): V1ContainerStatus | undefined {
  const { container } = serverOf(pod, service)
  return pod.status?.containerStatuses?.find(({ name }) => name === container)
}

/** The container that serves and its port: the one named `http`, else where the Service leads. */
function serverOf({ spec }: V1Pod, service: V1Service | undefined) {
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
