import type { V1Pod } from '@kubernetes/client-node'

/** What can go wrong with a pod on this node. */
export type Misbehaviour =
  /** ErrImagePull, then ImagePullBackOff, until it is taken back. */
  | { readonly kind: 'no image'; readonly message?: string }
  /** It fails to load with this code, again and again: CrashLoopBackOff. */
  | { readonly kind: 'crash'; readonly exitCode: number }
  /** The kernel kills it, this long after each start. */
  | { readonly kind: 'out of memory'; readonly afterMs?: number }
  /** It runs and its probes never succeed; nor do they ever restart it. */
  | { readonly kind: 'never ready' }
  /** It takes this long to end after SIGTERM, if its grace allows that. */
  | { readonly kind: 'slow to terminate'; readonly ms: number }
  /** Options of `vllm-chill simulate`: `{ 'load-time': '5s' }`. */
  | { readonly kind: 'simulate'; readonly options: Readonly<Record<string, string>> }

/** All that is given must match. */
export interface PodMatch {
  /** The name, or how it begins, up to the hash of a ReplicaSet. */
  readonly pod?: string
  /** Of any of its containers. */
  readonly image?: string
  /** `label: value`. */
  readonly labels?: Readonly<Record<string, string>>
}

export function matches({ metadata, spec }: V1Pod, match: PodMatch): boolean {
  const { pod, image, labels = {} } = match
  const name = metadata?.name ?? ''
  return (
    (pod === undefined || name === pod || name.startsWith(`${pod}-`)) &&
    (image === undefined || (spec?.containers ?? []).some((one) => one.image === image)) &&
    Object.entries(labels).every(([key, value]) => metadata?.labels?.[key] === value)
  )
}

const annotation = 'simulated-node/misbehave'

/**
 * The annotation `simulated-node/misbehave` of a pod, for whoever has only kubectl: the JSON of a
 * misbehaviour, or of several.
 */
export function annotatedMisbehaviours({ metadata }: V1Pod): Misbehaviour[] {
  const text = metadata?.annotations?.[annotation]
  if (text === undefined) return []
  return [JSON.parse(text)].flat() as Misbehaviour[]
}

/** The simulator is steered by its own variables; whatever else a container runs does not mind. */
export function simulatorEnvironment(all: readonly Misbehaviour[]): Record<string, string> {
  const options = all.flatMap((one) => {
    if (one.kind === 'simulate') return Object.entries(one.options)
    if (one.kind === 'crash') return Object.entries({ 'fail-load': String(one.exitCode) })
    if (one.kind === 'slow to terminate') return Object.entries({ 'slow-stop': `${one.ms}ms` })
    return []
  })
  return Object.fromEntries(
    options.map(([name, value]) => [
      `VLLM_CHILL_SIMULATE_${name.toUpperCase().replaceAll('-', '_')}`,
      value,
    ]),
  )
}
