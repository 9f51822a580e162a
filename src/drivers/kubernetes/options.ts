import type { Catalogue } from '../../catalogue/index.ts'
import type { Api } from './api/index.ts'
import type { LeaseTimes } from './leadership/index.ts'
import type { BackendPlace } from './resources/index.ts'

/** What the driver logs to; a pino logger is one. Messages carry no prompt and no key. */
export interface DriverLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** How requests get to a pod; `auto` takes what can be reached. */
export type EndpointMode = 'auto' | 'pod' | 'service'

export interface KubernetesDriverOptions {
  readonly api: Api
  /** By the backend's name. */
  readonly places: Readonly<Record<string, BackendPlace>>
  readonly catalogue: Pick<Catalogue, 'models' | 'subscribe'>
  /** Model that the resources are made from at the start; the first one by name unless given. */
  readonly defaultModel: string | undefined
  /** True: resources are created and follow the model. False: an existing Deployment is only scaled. */
  readonly manages: boolean
  /** Name of the Lease; unique identity of this program. */
  readonly lease: { readonly name: string; readonly identity: string; readonly times?: LeaseTimes }
  readonly endpointMode: EndpointMode
  readonly inCluster: boolean
  /** How long a pod may be unschedulable while an autoscaler could still cure it, ms. */
  readonly unschedulableGraceMs: number
  /** For each readiness probe by itself, ms; default 2000. */
  readonly probeTimeoutMs?: number
  /** From one readiness probe to the next, ms; default 100. */
  readonly probeIntervalMs?: number
  /** The key that the engine asks for. */
  readonly backendApiKey: string | undefined
  /** Requests of other programs may hold up an unload so long, ms; undefined: for ever. */
  readonly cutAfterMs: number | undefined
  readonly log: DriverLog
}

export const defaultProbeTimeoutMs = 2_000
export const defaultProbeIntervalMs = 100
