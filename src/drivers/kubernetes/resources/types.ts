import type { PodSettings } from '../../../config/index.ts'

export interface SecretKey {
  readonly name: string
  readonly key: string
}

/** Where a backend is in the cluster, and what its pods look like whatever their model. */
export interface BackendPlace {
  readonly backend: string
  readonly namespace: string
  readonly deployment: string
  readonly configMap: string
  readonly service: string
  readonly servicePort: number
  /** Written on what is ours: `namespace/lease`. */
  readonly installation: string
  readonly image: string
  /** Words of the container before the model's arguments, unless the model has its own. */
  readonly command: readonly string[]
  readonly gpuResource: string
  readonly hfTokenSecret: SecretKey
  readonly apiKeySecret: SecretKey | undefined
  readonly terminationGraceMs: number
  readonly pod: Omit<PodSettings, 'podTemplate'>
  /** Patches of the pod, one after the other; that of the model comes last. */
  readonly templates: readonly Readonly<Record<string, unknown>>[]
}

/** Something wrong with what was configured; `path` is a field of the settings or of the manifest. */
export interface PodProblem {
  readonly path: string
  readonly message: string
}

/** A field that is not as we want it. */
export interface Drift {
  readonly path: string
  readonly wanted: unknown
  readonly found: unknown
}
