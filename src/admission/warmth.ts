import type { BackendDefinition, BackendFact, Warm } from '../../machines/index.ts'
import type { Catalogue } from '../catalogue/index.ts'
import { heading, type BackendActor } from './backends.ts'
import type { Clock } from './clock.ts'
import type { Log } from './settings.ts'
import type { Transition } from './supervision.ts'

/** A model that is to be there also while nobody asks, for as long as it is wished. */
export interface WarmWish {
  readonly id: string
  /** Served name or alias. */
  readonly model: string
  /** Undefined: one that may serve it is found. */
  readonly backend: string | undefined
  /** In words: `kept warm until 18:00`. */
  readonly because: string
}

/** What is loaded once and then goes as any other. */
export interface WarmthSettings {
  /** When the program starts. */
  readonly preload: readonly string[]
  /** When another model was idled out. */
  readonly returnTo: string | undefined
}

export interface WarmthOptions extends WarmthSettings {
  readonly definitions: readonly BackendDefinition[]
  /** Filled as the fleet spawns them. */
  readonly backends: ReadonlyMap<string, BackendActor>
  readonly catalogue: Catalogue
  readonly clock: Clock
  readonly log: Log
}

/** Later, nobody expects it any more: another program has led until now, or no backend was free. */
const onceWithinMs = 300_000

/** Which backend keeps which model warm; the charts then do it when it takes nobody's place. */
export function createWarmth(options: WarmthOptions) {
  const { definitions, backends, catalogue, clock, log } = options
  let standing: readonly WarmWish[] = []
  const once = new Map<string, WarmWish>()
  const timers = new Map<string, unknown>()
  /** Where each wish was put, so that it stays there. */
  let places = new Map<string, string>()
  /** What each backend idles out now. */
  const idling = new Map<string, string>()
  const complained = new Set<string>()

  function wishOnce(wish: WarmWish): void {
    forget(wish.id)
    once.set(wish.id, wish)
    const lapse = () => {
      forget(wish.id)
      apply()
    }
    timers.set(wish.id, clock.setTimeout(lapse, onceWithinMs))
  }

  function forget(id: string): void {
    once.delete(id)
    clock.clearTimeout(timers.get(id))
    timers.delete(id)
  }

  function placeFor(wish: WarmWish, model: string, free: ReadonlySet<string>): string | undefined {
    const fit = definitions
      .filter(({ models }) => models?.includes(model) ?? true)
      .map(({ name }) => name)
      .filter((name) => free.has(name) && (wish.backend ?? name) === name)
    const snapshotOf = (name: string) => backends.get(name)?.getSnapshot()
    const having = fit.find((name) => {
      const snapshot = snapshotOf(name)
      return snapshot && heading(snapshot) === model
    })
    const before = fit.find((name) => name === places.get(wish.id))
    const cold = fit.find((name) => snapshotOf(name)?.matches('cold') ?? true)
    return having ?? before ?? cold ?? fit[0]
  }

  function assign(): Map<string, Warm> {
    const free = new Set(definitions.map(({ name }) => name))
    const assigned = new Map<string, Warm>()
    const next = new Map<string, string>()
    for (const wish of [...standing, ...once.values()]) {
      const model = catalogue.find(wish.model)?.name
      const place = model === undefined ? undefined : placeFor(wish, model, free)
      if (model === undefined || place === undefined) {
        complainOnce(
          wish,
          model === undefined ? 'no manifest names it' : 'no backend is left for it',
        )
        continue
      }
      free.delete(place)
      next.set(wish.id, place)
      assigned.set(place, { model, because: wish.because, id: wish.id })
    }
    places = next
    return assigned
  }

  function complainOnce({ id, model, because }: WarmWish, why: string): void {
    if (complained.has(`${id} ${why}`)) return
    complained.add(`${id} ${why}`)
    log.warn({ model }, `${model} cannot be ${because}: ${why}`)
  }

  function apply(): void {
    const assigned = assign()
    for (const [name, actor] of backends) {
      actor.send({ type: 'keep warm changed', warm: assigned.get(name) })
    }
  }

  for (const model of options.preload) {
    wishOnce({ id: `preload ${model}`, model, backend: undefined, because: 'loaded at the start' })
  }

  return {
    /** The whole of it each time; told again now and then, what failed is tried again. */
    keep(wishes: readonly WarmWish[]): void {
      standing = wishes
      apply()
    },

    /** A backend is there from now on. */
    greet(): void {
      if (standing.length > 0 || once.size > 0) apply()
    },

    onFact(fact: BackendFact): void {
      if (fact.type !== 'ready' && fact.type !== 'start failed') return
      const model = fact.type === 'ready' ? fact.model : fact.failure.model
      const done = [...once.values()].filter(
        ({ id, model: name }) =>
          places.get(id) === fact.backend || catalogue.find(name)?.name === model,
      )
      for (const { id } of done) forget(id)
      if (done.length > 0) apply()
    },

    onTransition({ backend, from, to, model }: Transition): void {
      if (from === 'ready.quiet' && to === 'idle.rechecking') idling.set(backend, model ?? '')
      if (!to.startsWith('idle.') && to !== 'cold') idling.delete(backend)
      if (to !== 'cold') return
      const left = idling.get(backend)
      idling.delete(backend)
      const { returnTo } = options
      const wanted = returnTo === undefined ? undefined : catalogue.find(returnTo)?.name
      if (left === undefined || wanted === undefined || left === wanted) return
      if ([...places.values()].includes(backend)) return
      const isThere = [...backends.values()].some(
        (actor) => heading(actor.getSnapshot()) === wanted,
      )
      if (isThere) return
      wishOnce({
        id: `return to ${wanted}`,
        model: wanted,
        backend,
        because: 'the default model comes back',
      })
      apply()
    },

    /** An operator who stops backends does not want the next model in its place. */
    onStop(stopped: readonly string[]): void {
      for (const name of stopped) idling.delete(name)
      const done = [...once.keys()].filter((id) => stopped.includes(places.get(id) ?? ''))
      for (const id of done) forget(id)
      if (done.length > 0) apply()
    },

    close(): void {
      for (const id of once.keys()) forget(id)
    },
  }
}
