import type {
  V1ContainerStatus,
  V1Deployment,
  V1DeploymentCondition,
  V1Pod,
  V1PodCondition,
} from '@kubernetes/client-node'
import {
  lookAtPods,
  type PodSight,
  type PodWorld,
} from '../../../../../src/drivers/kubernetes/pods/index.ts'

/** As an API server writes it. */
export const now = Date.parse('2026-05-01T12:00:00Z')

export const ago = (seconds: number): Date => new Date(now - seconds * 1_000)

const own = (revision: string) => ({
  'vllm-chill.efortin.github.io/model': 'a',
  'vllm-chill.efortin.github.io/model-revision': revision,
})

export interface PodOptions {
  readonly name?: string
  readonly uid?: string
  readonly revision?: string
  readonly leaving?: boolean
  readonly node?: string | undefined
  readonly ready?: boolean
  readonly container?: Partial<V1ContainerStatus>
  readonly unschedulable?: { message: string; seconds: number }
  readonly phase?: string
  readonly reason?: string
  readonly message?: string
  readonly ports?: { name?: string; containerPort: number }[]
  readonly init?: V1ContainerStatus
  /** An init container that is to run for ever. */
  readonly isSidecar?: boolean
  readonly beside?: Partial<V1ContainerStatus>
  readonly gates?: readonly string[]
  /** False: `conditions` say so themselves. */
  readonly isScheduled?: false
  readonly conditions?: readonly V1PodCondition[]
  /** The node that the scheduler makes room on. */
  readonly nominated?: string
  /** Seconds since its deletion and its grace are over; negative: they are not yet. */
  readonly overdue?: number
  readonly created?: number
}

export function pod(options: PodOptions = {}): V1Pod {
  const { name = 'vllm-1', uid = 'u1', revision = '1', ready = false, unschedulable } = options
  const node = 'node' in options ? options.node : 'gpu-1'
  return {
    metadata: {
      name,
      uid,
      creationTimestamp: ago(options.created ?? 60),
      annotations: own(revision),
      ...(options.leaving && { deletionTimestamp: ago(options.overdue ?? -1) }),
    },
    spec: {
      ...(options.gates && { schedulingGates: options.gates.map((name) => ({ name })) }),
      ...(options.init && {
        initContainers: [
          { name: options.init.name, ...(options.isSidecar && { restartPolicy: 'Always' }) },
        ],
      }),
      ...(node && { nodeName: node }),
      containers: [
        {
          name: 'vllm',
          image: 'vllm/vllm-openai:v1',
          ports: options.ports ?? [
            { name: 'metrics', containerPort: 8001 },
            { name: 'http', containerPort: 8000 },
          ],
          resources: { limits: { 'nvidia.com/gpu': '2', memory: '8Gi' } },
        },
        { name: 'sidecar' },
      ],
    },
    status: {
      phase: options.phase ?? 'Running',
      ...(options.reason && { reason: options.reason, message: options.message }),
      podIP: '10.0.0.7',
      conditions: [
        ...(options.isScheduled === false
          ? []
          : [
              unschedulable
                ? {
                    type: 'PodScheduled',
                    status: 'False',
                    reason: 'Unschedulable',
                    message: unschedulable.message,
                    lastTransitionTime: ago(unschedulable.seconds),
                  }
                : { type: 'PodScheduled', status: 'True' },
            ]),
        { type: 'Ready', status: ready ? 'True' : 'False' },
        ...(options.conditions ?? []),
      ],
      ...(options.nominated && { nominatedNodeName: options.nominated }),
      ...(options.init && { initContainerStatuses: [options.init] }),
      containerStatuses: unschedulable
        ? []
        : [
            container(options.container),
            ...(options.beside ? [container({ name: 'sidecar', ...options.beside })] : []),
          ],
    },
  }
}

export function container(fields: Partial<V1ContainerStatus> = {}): V1ContainerStatus {
  return {
    name: 'vllm',
    image: 'vllm/vllm-openai:v1',
    imageID: '',
    ready: false,
    restartCount: 0,
    containerID: 'containerd://c1',
    state: { running: { startedAt: ago(30) } },
    ...fields,
  }
}

export function deployment(fields: Partial<V1Deployment> = {}): V1Deployment {
  return {
    metadata: { name: 'vllm', generation: 3 },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: 'vllm' } },
      template: { metadata: { annotations: own('1') }, spec: { containers: [] } },
    },
    status: { observedGeneration: 3 },
    ...fields,
  }
}

/** A Deployment with this condition, as its controller writes it a second ago. */
export function told(condition: Partial<V1DeploymentCondition>, generation = 3): V1Deployment {
  return deployment({
    status: {
      observedGeneration: generation,
      conditions: [{ status: 'True', type: '', lastTransitionTime: ago(1), ...condition }],
    },
  })
}

export function look(pods: readonly PodOptions[], world: Partial<PodWorld> = {}): PodSight {
  return lookAtPods({
    deployment: deployment(),
    pods: pods.map(pod),
    now,
    graceMs: 300_000,
    ...world,
  })
}

export const waiting = (reason: string, message = '') => ({ waiting: { reason, message } })

/** The state of a container that failed again and again, after this end. */
export const crashing = (exitCode: number, reason = 'Error') => ({
  restartCount: 3,
  state: waiting('CrashLoopBackOff', 'back-off 40s restarting failed container'),
  lastState: { terminated: { exitCode, reason } },
})
