import type { Kind, Unit } from './kinds.ts'

/** In the order of the help and of the reference. */
export const groups = {
  listening: 'Listening',
  models: 'Models and backends',
  times: 'Sleeping, waking and switching',
  requests: 'Requests',
  access: 'Access',
  watching: 'Log and metrics',
  kubernetes: 'Kubernetes',
} as const

export type Group = keyof typeof groups

/** What a default may depend on. */
export interface Circumstances {
  readonly driver: 'process' | 'kubernetes'
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home: string
}

export interface Definition<T, U extends Unit = Unit, Optional extends boolean = boolean> {
  readonly kind: Kind<T, U>
  readonly group: Group
  /** One or two sentences for `--help` and the reference. */
  readonly meaning: string
  /** A function where it depends on something else; `fallbackText` then says on what. */
  readonly fallback: T | ((circumstances: Circumstances) => T) | undefined
  readonly fallbackText?: string
  /** True: may stay unset. */
  readonly optional: Optional
  /** Environment variables, the first preferred; `VLLM_CHILL_<KEY>` unless given. */
  readonly env?: readonly string[]
  /** Another flag for the same value, without its dashes. */
  readonly alsoFlag?: string
}

type Extras = Pick<Definition<unknown>, 'env' | 'alsoFlag' | 'fallbackText'>

/** A setting that always has a value. */
export function setting<T, U extends Unit>(
  kind: Kind<T, U>,
  fallback: NoInfer<T> | ((circumstances: Circumstances) => NoInfer<T>),
  group: Group,
  meaning: string,
  extras: Extras = {},
): Definition<T, U, false> {
  return { kind, fallback, group, meaning, optional: false, ...extras }
}

/** A setting that may stay unset; `fallbackText` says what then happens. */
export function optional<T, U extends Unit>(
  kind: Kind<T, U>,
  group: Group,
  meaning: string,
  extras: Extras = {},
): Definition<T, U, true> {
  return { kind, fallback: undefined, group, meaning, optional: true, ...extras }
}
