import type { Model } from '../../machines/index.ts'
import type { VllmModel } from './schema.ts'

/** A model as the program knows it now. */
export interface CatalogueModel {
  /** Served name. */
  readonly name: string
  readonly aliases: readonly string[]
  /** Requests that one endpoint of it takes at once (default 2 × `maxNumSeqs`). */
  readonly maxInFlight: number
  /** What the charts know of it. */
  readonly facts: Model
  /** The manifest with every default filled in. */
  readonly manifest: VllmModel
  /** Where it came from: file (and document number), or `namespace/name`. */
  readonly source: string
  /** Unix time in seconds; `created` in `/v1/models`. */
  readonly createdAt: number
}

/** Something in the source that a person must mend; what was good before stays in force. */
export interface CatalogueProblem {
  /** File and document, or `namespace/name`. */
  readonly source: string
  readonly message: string
  /** The manifest is valid, but an older model has one of its names. */
  readonly nameIsTaken?: true
}

/** The models known now, kept true by a watch. */
export interface Catalogue {
  /** By served name, sorted by it. */
  readonly models: ReadonlyMap<string, CatalogueModel>
  /** By served name or alias. */
  find(name: string): CatalogueModel | undefined
  readonly problems: readonly CatalogueProblem[]
  /** Called after each change of `models` or `problems`; returns the way to stop it. */
  subscribe(listener: () => void): () => void
  close(): Promise<void>
}
