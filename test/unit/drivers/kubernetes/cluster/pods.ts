import type {
  V1ContainerStatus,
  V1Deployment,
  V1Pod,
  V1PodCondition,
} from '@kubernetes/client-node'

export interface PodFields {
  /** Of the engine; the pod's address is this machine. */
  readonly port?: number
  readonly ready?: boolean
  /** Over what a container that runs says. */
  readonly container?: Partial<V1ContainerStatus>
  /** The scheduler's message; since when, ms of the wall clock. */
  readonly unschedulable?: { readonly message: string; readonly since: number }
}

/** A pod as a Deployment's controller and a kubelet make it of its template. */
export function podFrom(
  deployment: V1Deployment,
  number: number,
  { port = 8000, ready = true, container = {}, unschedulable }: PodFields,
): V1Pod {
  const { metadata, spec } = structuredClone(deployment.spec!.template)
  for (const each of spec!.containers) {
    each.ports = [{ name: 'http', containerPort: port }]
  }
  if (!unschedulable) spec!.nodeName = 'gpu-1'
  const scheduled: V1PodCondition = unschedulable
    ? {
        type: 'PodScheduled',
        status: 'False',
        reason: 'Unschedulable',
        message: unschedulable.message,
        lastTransitionTime: new Date(unschedulable.since),
      }
    : { type: 'PodScheduled', status: 'True' }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: Object.assign(metadata!, {
      name: `vllm-${number}`,
      uid: `pod-${number}`,
      creationTimestamp: new Date(),
    }),
    spec: spec!,
    status: {
      phase: unschedulable ? 'Pending' : 'Running',
      podIP: '127.0.0.1',
      conditions: [
        scheduled,
        { type: 'Ready', status: ready && !unschedulable ? 'True' : 'False' },
      ],
      containerStatuses: unschedulable
        ? []
        : [
            {
              name: spec!.containers[0]!.name,
              image: '',
              imageID: '',
              ready,
              restartCount: 0,
              containerID: `containerd://${number}`,
              state: { running: {} },
              ...container,
            },
          ],
    },
  }
}

/** For `edit`: the kubelet's word on whether it is Ready. */
export const becomes =
  (is: 'Ready' | 'not Ready') =>
  ({ status }: V1Pod): void => {
    const ready = status!.conditions!.find(({ type }) => type === 'Ready')!
    ready.status = is === 'Ready' ? 'True' : 'False'
  }

/** For `edit`: its container ended, and the next one runs. */
export function restarts({ status }: V1Pod): void {
  const [container] = status!.containerStatuses!
  container!.restartCount++
  container!.lastState = {
    terminated: { exitCode: 137, reason: 'OOMKilled', containerID: container!.containerID! },
  }
  container!.containerID = `${container!.containerID}-again`
}
