/** What is asked of a backend when a model looks for one; cheap to read off its snapshot. */
export interface BackendView {
  readonly name: string
  /** Served names it may serve; undefined: all. */
  readonly models: readonly string[] | undefined
  /** The model it has or is going to have: loaded, loading, or target of its switch. */
  readonly heading: string | undefined
  readonly cold: boolean
  readonly held: boolean
  /** The model it heads for is pinned: it turns to no other by itself. */
  readonly pinned: boolean
  /** True while this model may not be tried here (backoff of a failed start). */
  readonly failing: (model: string) => boolean
  /** Leases out + requests waiting: what a newcomer would queue behind. */
  readonly load: number
}

export type Choice =
  | { readonly chosen: BackendView; readonly because: 'has it' | 'cold' | 'would switch' }
  /** Nobody takes it: no backend may serve it, all that may are held or pinned, or it fails on all of them. */
  | { readonly chosen: undefined; readonly because: 'nobody may' | 'held' | 'failing' | 'pinned' }

/**
 * Which backend a model goes to: the one that has it, else a cold one that may, else the one that
 * would switch with the least to wait for. Pure; ties go to the first in configuration.
 */
export function chooseBackend(model: string, backends: readonly BackendView[]): Choice {
  const able = backends.filter((each) => each.models?.includes(model) ?? true)
  if (able.length === 0) return { chosen: undefined, because: 'nobody may' }
  const up = able.filter((each) => !each.held)
  if (up.length === 0) return { chosen: undefined, because: 'held' }
  const willing = up.filter((each) => !each.failing(model))
  if (willing.length === 0) return { chosen: undefined, because: 'failing' }

  const having = least(willing.filter((each) => each.heading === model))
  if (having) return { chosen: having, because: 'has it' }
  const cold = least(willing.filter((each) => each.cold))
  if (cold) return { chosen: cold, because: 'cold' }
  const switching = least(willing.filter((each) => !each.pinned))
  return switching
    ? { chosen: switching, because: 'would switch' }
    : { chosen: undefined, because: 'pinned' }
}

function least(backends: readonly BackendView[]): BackendView | undefined {
  return backends.reduce<BackendView | undefined>(
    (best, each) => (best === undefined || each.load < best.load ? each : best),
    undefined,
  )
}
