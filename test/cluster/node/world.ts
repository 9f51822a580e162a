import type { CoreV1Api, V1Pod } from '@kubernetes/client-node'
import type { Household } from '../processes/index.ts'
import type { LoopbackNetwork } from '../control-plane/index.ts'
import type { GpuDevices } from './devices.ts'
import type { Misbehaviour } from './misbehaviour.ts'

/** What a pod on the simulated node can reach. */
export interface World {
  readonly nodeName: string
  readonly core: CoreV1Api
  readonly household: Household
  readonly network: LoopbackNetwork
  readonly devices: GpuDevices
  /** Of this node, below the household's. */
  readonly folder: string
  /** First in the PATH of containers: has `vllm`. */
  readonly programs: string
  /** Times that a kubelet waits, in ms, are divided by this. */
  readonly haste: number
  /** Kubeconfig of the pod's service account, where it runs as one that the control plane knows. */
  accountOf(pod: V1Pod): string | undefined
  misbehavioursOf(pod: V1Pod): readonly Misbehaviour[]
  /** An Event on the pod, as `kubectl describe` shows them. */
  report(pod: V1Pod, reason: string, message: string): void
}

/** client-node's classes as the plain objects that they are used as. */
export type Plain<T> = { [K in keyof T]: T[K] }

export interface PodName {
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

export function nameOf({ metadata }: V1Pod): PodName {
  return {
    namespace: metadata?.namespace ?? '',
    name: metadata?.name ?? '',
    uid: metadata?.uid ?? '',
  }
}

export const isCode = (error: unknown, ...codes: number[]) =>
  codes.includes((error as { code?: number }).code ?? 0)
