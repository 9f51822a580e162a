/** What is asked of a backend when a model looks for one; cheap to read off its snapshot. */
export interface BackendView {
  readonly name: string
  /** Served names it may serve; undefined: all. */
  readonly models: readonly string[] | undefined
  /** The model it has or is going to have: loaded, loading, or target of its switch. */
  readonly heading: string | undefined
  /** It serves that model now. */
  readonly open: boolean
  readonly cold: boolean
  readonly held: boolean
  /** The model it heads for is pinned: it turns to no other by itself. */
  readonly pinned: boolean
  /** True while this model may not be tried here (backoff of a failed start). */
  readonly failing: (model: string) => boolean
  /** Leases out + requests waiting: what a newcomer would queue behind. */
  readonly load: number
  /** Who waits there. */
  readonly waiting: readonly { readonly model: string; readonly count: number }[]
  /** ms that a load of the model takes there, as learned or presumed. */
  readonly loadMs: (model: string) => number
  /**
   * ms that it would cost to free the GPUs that it lacks, or is giving back; 0 where they are free or its
   * own, Infinity where pinned models hold them.
   */
  readonly roomMs: number
}

export type Choice =
  | {
      readonly chosen: BackendView
      readonly because: 'has it' | 'cold' | 'would switch' | 'needs room'
    }
  /** Nobody takes it: no backend may serve it, all that may are held or pinned, or it fails on all of them. */
  | { readonly chosen: undefined; readonly because: 'nobody may' | 'held' | 'failing' | 'pinned' }

/** What a request in flight or waiting is presumed to take, ms; only compared, never waited for. */
const requestMs = 1_000

/** It heads for its model only once it is given GPUs that others hold. */
export function isInLine({ cold, roomMs }: BackendView): boolean {
  return cold && roomMs > 0
}

/**
 * Which backend a model goes to: the one that has it (one that serves it already, the least busy), else
 * a cold one that may and has its GPUs, else the one where it costs least; but where it is in line for
 * GPUs already, only one that nobody uses is better. Pure; ties go to the first in configuration.
 */
export function chooseBackend(model: string, backends: readonly BackendView[]): Choice {
  const mayServe = backends.filter((each) => each.models?.includes(model) ?? true)
  if (mayServe.length === 0) return { chosen: undefined, because: 'nobody may' }
  const up = mayServe.filter((each) => !each.held)
  if (up.length === 0) return { chosen: undefined, because: 'held' }
  const willing = up.filter((each) => !each.failing(model))
  if (willing.length === 0) return { chosen: undefined, because: 'failing' }

  const having = willing.filter((each) => each.heading === model)
  const serving = having.filter(({ open }) => open)
  const coming = having.filter((each) => !isInLine(each))
  const best = least(serving.length > 0 ? serving : coming, ({ load }) => load)
  if (best) return { chosen: best, because: 'has it' }
  const ready = willing.filter(({ cold, roomMs }) => cold && roomMs === 0)
  const cold = least(ready, ({ load }) => load)
  if (cold) return { chosen: cold, because: 'cold' }
  const able = willing.filter((each) => turnCostMs(model, each, backends) < Infinity)
  const inLine = least(
    having.filter((each) => able.includes(each)),
    ({ load }) => load,
  )
  const unused = able.filter((each) => loadWithout(model, each) === 0 && each.roomMs === 0)
  const among = inLine ? [inLine, ...unused] : able
  const cheapest = least(among, (each) => turnCostMs(model, each, backends))
  if (cheapest && cheapest === inLine) return { chosen: inLine, because: 'has it' }
  return cheapest
    ? { chosen: cheapest, because: cheapest.cold ? 'needs room' : 'would switch' }
    : { chosen: undefined, because: 'pinned' }
}

/**
 * What it costs to load the model there, ms: its load; the loads of those that wait there already; and
 * what has to go for it, which is nothing if that is not used, else the time until its requests are
 * done and its load when it comes back (none where another backend has it too). A pinned one costs
 * more than any.
 */
export function turnCostMs(
  model: string,
  view: BackendView,
  backends: readonly BackendView[],
): number {
  const others = view.waiting.filter((each) => each.model !== model && each.model !== view.heading)
  const turns = others.reduce((sum, each) => sum + view.loadMs(each.model), view.loadMs(model))
  if (view.cold) return turns + view.roomMs
  if (view.pinned) return Infinity
  const load = loadWithout(model, view)
  return turns + view.roomMs + (load === 0 ? 0 : goingCostMs({ ...view, load }, backends))
}

/** Those who wait for the model are no reason for them to wait elsewhere. */
function loadWithout(model: string, { load, waiting }: BackendView): number {
  return load - (waiting.find((each) => each.model === model)?.count ?? 0)
}

/** What it costs to make a busy backend go. */
function goingCostMs(view: BackendView, backends: readonly BackendView[]): number {
  const { heading, load, name } = view
  const isSpare = backends.some(
    (each) => each.name !== name && each.open && each.heading === heading,
  )
  const comesBack = heading === undefined || isSpare ? 0 : view.loadMs(heading)
  return load * requestMs + comesBack
}

function least(
  backends: readonly BackendView[],
  cost: (backend: BackendView) => number,
): BackendView | undefined {
  return backends.reduce<BackendView | undefined>(
    (best, each) => (best === undefined || cost(each) < cost(best) ? each : best),
    undefined,
  )
}

/**
 * Where a second copy of a model comes up that one backend cannot keep up with: a cold backend that may,
 * that nobody waits for, and whose GPUs are free. No other model ever makes room for a copy.
 */
export function chooseCopy(
  model: string,
  backends: readonly BackendView[],
): BackendView | undefined {
  // One more at a time: it may be enough.
  if (backends.some(({ heading, open }) => heading === model && !open)) return undefined
  const free = backends.filter(
    ({ cold, held, load, roomMs, heading }) =>
      cold && !held && load === 0 && roomMs === 0 && heading === undefined,
  )
  const able = free.filter((each) => (each.models?.includes(model) ?? true) && !each.failing(model))
  return least(able, ({ loadMs }) => loadMs(model))
}
