import type { CatalogueModel, CatalogueProblem } from './types.ts'

/**
 * Gives each name to one model. `oldestFirst` decides: a model that wants a name which an older one has
 * is left out as a whole, since half a model (without its alias) would surprise more than none.
 */
export function settleNames(oldestFirst: readonly CatalogueModel[]): {
  models: CatalogueModel[]
  problems: CatalogueProblem[]
} {
  const owners = new Map<string, CatalogueModel>()
  const models: CatalogueModel[] = []
  const problems: CatalogueProblem[] = []
  for (const model of oldestFirst) {
    const names = [model.name, ...model.aliases]
    const taken = names.find((name) => owners.has(name))
    if (taken === undefined) {
      for (const name of names) owners.set(name, model)
      models.push(model)
    } else {
      const { source } = owners.get(taken)!
      problems.push({
        source: model.source,
        message: `the name ${taken} already belongs to the older model of ${source}; rename or remove one of them`,
        nameIsTaken: true,
      })
    }
  }
  return { models: models.sort((a, b) => (a.name < b.name ? -1 : 1)), problems }
}
