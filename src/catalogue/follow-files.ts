import { isDeepStrictEqual } from 'node:util'
import { catalogueModel, type ModelDefaults } from './facts.ts'
import type { ManifestFile } from './manifest-files.ts'
import { parseManifests, type Manifest } from './manifests.ts'
import { settleNames } from './settle-names.ts'
import type { CatalogueModel, CatalogueProblem } from './types.ts'

/** A model of a file, whether or not it has won its names. */
interface Candidate {
  readonly file: string
  /** Grows with each model first seen; the lower is the older. */
  readonly age: number
  readonly model: CatalogueModel
}

/** What is known after some files have been read. */
export interface Known {
  readonly candidates: readonly Candidate[]
  readonly models: readonly CatalogueModel[]
  readonly problems: readonly CatalogueProblem[]
}

export const nothingKnown: Known = { candidates: [], models: [], problems: [] }

/**
 * What is known when `files` are all there is. Models that did not change are the same objects as
 * before. While anything in a file is broken, the models that came from it and are not among its sound
 * documents stay as they were; what a sound file does not mention any more is gone.
 */
export function followFiles(
  before: Known,
  files: readonly ManifestFile[],
  defaults: ModelDefaults,
): Known {
  const problems: CatalogueProblem[] = []
  const candidates: Candidate[] = []
  let age = Math.max(0, ...before.candidates.map((candidate) => candidate.age))

  for (const file of files) {
    const { models, problems: faults } = manifestsOf(file)
    problems.push(...faults)
    const left = before.candidates.filter((candidate) => candidate.file === file.shown)
    for (const manifest of models) {
      const at = left.findIndex(({ model }) => model.name === manifest.model.spec.servedModelName)
      const known = at < 0 ? undefined : left.splice(at, 1)[0]
      candidates.push({
        file: file.shown,
        age: known?.age ?? ++age,
        model: renew(known?.model, manifest, file, defaults),
      })
    }
    if (faults.length > 0) candidates.push(...left)
  }

  candidates.sort((a, b) => a.age - b.age)
  const settled = settleNames(candidates.map(({ model }) => model))
  return { candidates, models: settled.models, problems: [...problems, ...settled.problems] }
}

function manifestsOf(file: ManifestFile): ReturnType<typeof parseManifests> {
  if ('text' in file.content) return parseManifests(file.content.text, file.shown)
  const problem = { source: file.shown, message: file.content.fault }
  return { models: [], problems: [problem], skipped: [] }
}

function renew(
  known: CatalogueModel | undefined,
  { model: manifest, source }: Manifest,
  file: ManifestFile,
  defaults: ModelDefaults,
): CatalogueModel {
  if (known?.source === source && isDeepStrictEqual(known.manifest, manifest)) return known
  const createdAt = known?.createdAt ?? Math.floor(file.mtimeMs / 1000)
  return catalogueModel(manifest, defaults, { source, createdAt })
}
