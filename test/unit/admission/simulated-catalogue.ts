import type { Catalogue, CatalogueModel } from '../../../src/catalogue/index.ts'

/** A catalogue that changes when the test says so. */
export class SimulatedCatalogue implements Catalogue {
  readonly models = new Map<string, CatalogueModel>()
  readonly problems = []
  readonly #listeners = new Set<() => void>()

  constructor(names: readonly string[]) {
    for (const name of names) this.put(name, '1')
  }

  put(
    name: string,
    revision: string,
    facts: Partial<CatalogueModel['facts']> = {},
    maxInFlight = 2,
  ): void {
    this.models.set(name, {
      name,
      aliases: [],
      maxInFlight,
      facts: {
        name,
        revision,
        idleTimeoutMs: 30_000,
        startTimeoutMs: 600_000,
        priority: 0,
        ...facts,
      },
      manifest: {} as CatalogueModel['manifest'],
      source: 'test',
      createdAt: 0,
    })
    this.#tell()
  }

  remove(name: string): void {
    this.models.delete(name)
    this.#tell()
  }

  find(name: string): CatalogueModel | undefined {
    return this.models.get(name)
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}
