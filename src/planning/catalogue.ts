import type { Model } from '../../machines/index.ts'
import type { Catalogue, CatalogueModel } from '../catalogue/index.ts'

/** Models that are there from the begin to the end; all that admission and the charts ask of them. */
export function fixedCatalogue(models: readonly (Model & { maxInFlight: number })[]): Catalogue {
  const known = new Map(
    models.map(({ maxInFlight, ...facts }): [string, CatalogueModel] => [
      facts.name,
      {
        name: facts.name,
        aliases: [],
        maxInFlight,
        facts,
        manifest: {} as CatalogueModel['manifest'],
        source: 'plan',
        createdAt: 0,
      },
    ]),
  )
  return {
    models: known,
    problems: [],
    find: (name) => known.get(name),
    subscribe: () => () => {},
    close: () => Promise.resolve(),
  }
}
