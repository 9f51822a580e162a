import type { Definition } from './definition.ts'
import type { WarmWindow } from './keep-warm.ts'
import type { Unit } from './kinds.ts'
import type { PodSettings } from './pod.ts'
import type { SettingDefinitions, SettingKey } from './settings.ts'

type Named<K extends string, U extends Unit> = K extends `${string}${U}`
  ? U extends ''
    ? K
    : K
  : `${K}${U}`

type NameOf<K extends SettingKey> =
  SettingDefinitions[K] extends Definition<infer _T, infer U> ? Named<K, U> : never

type ValueOf<K extends SettingKey> =
  SettingDefinitions[K] extends Definition<infer T, infer _U, infer Optional>
    ? Optional extends true
      ? T | undefined
      : T
    : never

/** The table of settings with values: `idleTimeout` is `idleTimeoutMs`, `bodyLimit` is `bodyLimitBytes`. */
export type FlatSettings = { readonly [K in SettingKey as NameOf<K>]: ValueOf<K> }

/** One place that serves one model at a time. */
export interface BackendSettings {
  /** A DNS label; stable, since state and metrics are kept under it. */
  readonly name: string
  /** Served names that it may serve; undefined is all of them. */
  readonly models: readonly string[] | undefined
  /** Value for CUDA_VISIBLE_DEVICES; undefined leaves the variable alone. */
  readonly gpus: string | undefined
  /** The pool of `gpuPools` that its GPUs are of, and how many of it it needs. */
  readonly pool: string | undefined
  readonly poolGpus: number
  /** Over the model's and the general one; 0 keeps what is loaded. */
  readonly idleTimeoutMs: number | undefined
  readonly keepWarm: readonly WarmWindow[]
  /** Over the general one. */
  readonly minIdleReplicas: number | undefined
  /** Words to run before the model's arguments; see `resolveCommand`. */
  readonly command: readonly string[]
  /** Added to the environment of its processes. */
  readonly env: Readonly<Record<string, string>>
  /** Kubernetes: names of its objects; undefined are made from its own. */
  readonly deployment: string | undefined
  readonly configmap: string | undefined
  readonly service: string | undefined
  /** Kubernetes: over the general one. */
  readonly pod: PodSettings
}

/** The effective configuration. */
export interface Settings extends FlatSettings {
  /** Never empty; one named `vllm` unless the file lists others. */
  readonly backends: readonly BackendSettings[]
  /** The file that was read. */
  readonly configFile: string | undefined
  /** Where each value came from: `flag --port`, `environment PORT`, `file x.yaml`, `default`. */
  readonly sources: Readonly<Record<SettingKey | 'backends', string>>
}
