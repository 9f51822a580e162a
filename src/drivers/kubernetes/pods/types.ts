import type { V1Deployment, V1Pod, V1Service } from '@kubernetes/client-node'
import type { StartFailure, StartPhase } from '../../../../machines/index.ts'

/** What an autoscaler has said of a pod that cannot be scheduled. */
export type AutoscalerSays = 'adds a node' | 'cannot help' | 'nothing'

export interface PodWorld {
  readonly deployment: V1Deployment | undefined
  readonly service?: V1Service | undefined
  readonly pods: readonly V1Pod[]
  /** Wall clock, ms. */
  readonly now: number
  /** How long a pod may be unschedulable while an autoscaler adds a node for it, ms. */
  readonly graceMs: number
  /** By the pod's UID; nothing unless given. */
  readonly autoscaler?: ReadonlyMap<string, AutoscalerSays>
  /** Another backend of this program is giving its GPU back just now. */
  readonly othersLeave?: boolean
  /** Another backend of this program has pods, which may hold what this one needs. */
  readonly othersHold?: boolean
  /** When a pod, of this or another backend, was last seen leaving; wall clock, ms. */
  readonly lastLeftAt?: number | undefined
  /** Restarts of each pod (by UID) when the start began; 0 unless given. A restart since then is a failure. */
  readonly restartsBefore?: ReadonlyMap<string, number>
  /** Pods (by UID) that had ended for good when the start began. */
  readonly endedBefore?: ReadonlySet<string>
}

/** A pod that may be asked for its models. */
export interface ReadyPod {
  readonly pod: V1Pod
  readonly address: string
  readonly port: number
  /** Pod UID and container id: another process has another one. */
  readonly incarnation: string
}

export interface PodFailure {
  readonly failure: StartFailure
  /** Where the last lines are that the container wrote. */
  readonly wantsLog?: {
    readonly pod: string
    readonly container: string
    readonly previous: boolean
  }
}

export interface PodSight {
  readonly phase: StartPhase | undefined
  /** The start cannot work. */
  readonly failure: PodFailure | undefined
  /** What it waits for, in words, where that is unusual. */
  readonly progress: string | undefined
  /** It waits for room that another backend of this program may hold. */
  readonly isShort: boolean
  /** The pod that cannot be scheduled, for whom an autoscaler may have said something. */
  readonly unschedulable: V1Pod | undefined
  readonly ready: readonly ReadyPod[]
  /** Pods in the API that may hold a GPU, terminating ones too. */
  readonly present: number
  readonly leaving: boolean
  /** When time alone changes the answer, ms. */
  readonly recheckInMs: number | undefined
  /** Why this incarnation serves no more; undefined while its container runs. */
  gone(incarnation: string): string | undefined
}
