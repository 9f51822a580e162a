import { isDeepStrictEqual } from 'node:util'
import { nothingKnown, type Known } from './follow-manifests.ts'
import { tellChanges, type ChangeListeners } from './tell-changes.ts'
import type { Catalogue, CatalogueModel } from './types.ts'

/** What every source keeps of what it has read, and shows of it. */
export interface KeptModels {
  readonly known: Known
  /** Tells whoever listens, if anything differs. */
  adopt(next: Known): void
  readonly catalogue: Catalogue
}

/** `end` is what the source has to do when the catalogue is closed; nobody is told anything then. */
export function keepModels(listeners: ChangeListeners, end: () => Promise<void>): KeptModels {
  const subscribers = new Set<() => void>()
  let known: Known = nothingKnown
  let models: ReadonlyMap<string, CatalogueModel> = new Map()
  let byAnyName: ReadonlyMap<string, CatalogueModel> = new Map()
  return {
    get known() {
      return known
    },
    adopt(next) {
      const before = known
      known = next
      if (isSame(before, next)) return
      models = new Map(next.models.map((model) => [model.name, model]))
      byAnyName = new Map(
        next.models.flatMap((model) => [model.name, ...model.aliases].map((name) => [name, model])),
      )
      tellChanges(before, next, listeners)
      for (const subscriber of subscribers) subscriber()
    },
    catalogue: {
      get models() {
        return models
      },
      get problems() {
        return known.problems
      },
      find: (name) => byAnyName.get(name),
      subscribe(listener) {
        subscribers.add(listener)
        return () => subscribers.delete(listener)
      },
      async close() {
        subscribers.clear()
        await end()
      },
    },
  }
}

function isSame(before: Known, next: Known): boolean {
  return (
    next.models.length === before.models.length &&
    next.models.every((model, index) => model === before.models[index]) &&
    isDeepStrictEqual(next.problems, before.problems)
  )
}
