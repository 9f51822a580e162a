import { isDeepStrictEqual } from 'node:util'
import { catalogueModel, type ModelDefaults } from './facts.ts'
import type { Manifest, Manifests } from './manifests.ts'
import { settleNames } from './settle-names.ts'
import type { CatalogueModel, CatalogueProblem } from './types.ts'

/** One thing that a source holds: a file, or an object of the cluster. */
export interface Origin {
  /** Says that it is the same one as before, whatever it holds now. */
  readonly key: string
  readonly manifests: Pick<Manifests, 'models' | 'problems'>
  /** Unix time in ms. */
  readonly createdAtMs: number
}

/** Which of two models with one name is the older. */
export type Seniority =
  /** Who was seen first: files change their date with each edit. */
  | 'first seen'
  /** Who was created first, and of those the one that comes first in the list. */
  | 'created'

/** A model of an origin, whether or not it has won its names. */
interface Candidate {
  readonly key: string
  /** The lower is the older. */
  readonly age: number
  readonly model: CatalogueModel
}

/** What is known after a source has been read. */
export interface Known {
  readonly candidates: readonly Candidate[]
  readonly models: readonly CatalogueModel[]
  readonly problems: readonly CatalogueProblem[]
}

export const nothingKnown: Known = { candidates: [], models: [], problems: [] }

/**
 * What is known when `origins` are all there is. Models that did not change are the same objects as
 * before. While anything in an origin is broken, the models that came from it and are not among its
 * sound documents stay as they were; what a sound one does not mention any more is gone.
 */
export function followManifests(
  before: Known,
  origins: readonly Origin[],
  defaults: ModelDefaults,
  seniority: Seniority,
): Known {
  const problems: CatalogueProblem[] = []
  const candidates: Candidate[] = []
  let seen = Math.max(0, ...before.candidates.map(({ age }) => age))

  for (const { key, manifests, createdAtMs } of origins) {
    problems.push(...manifests.problems)
    const left = before.candidates.filter((candidate) => candidate.key === key)
    for (const manifest of manifests.models) {
      const at = left.findIndex(({ model }) => model.name === manifest.model.spec.servedModelName)
      const known = at < 0 ? undefined : left.splice(at, 1)[0]
      candidates.push({
        key,
        age: seniority === 'created' ? createdAtMs : (known?.age ?? ++seen),
        model: renew(known?.model, manifest, createdAtMs, defaults),
      })
    }
    if (manifests.problems.length > 0) candidates.push(...left)
  }

  candidates.sort((a, b) => a.age - b.age)
  const settled = settleNames(candidates.map(({ model }) => model))
  return { candidates, models: settled.models, problems: [...problems, ...settled.problems] }
}

function renew(
  known: CatalogueModel | undefined,
  { model: manifest, source }: Manifest,
  createdAtMs: number,
  defaults: ModelDefaults,
): CatalogueModel {
  if (known?.source === source && isDeepStrictEqual(known.manifest, manifest)) return known
  const createdAt = known?.createdAt ?? Math.floor(createdAtMs / 1000)
  return catalogueModel(manifest, defaults, { source, createdAt })
}
