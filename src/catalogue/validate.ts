import { readManifestFiles, shownPath } from './manifest-files.ts'
import { followFiles } from './follow-files.ts'
import { nothingKnown } from './follow-manifests.ts'
import { parseManifests } from './manifests.ts'
import type { CatalogueModel, CatalogueProblem } from './types.ts'

/** What `vllm-chill validate` says about some files and folders. */
export interface Validation {
  readonly models: readonly CatalogueModel[]
  readonly problems: readonly CatalogueProblem[]
  /** Documents that are no models of ours; not an error. */
  readonly skipped: readonly CatalogueProblem[]
}

/** Reads manifests as a catalogue would that had all of these together. Never throws. */
export async function validateManifests(paths: readonly string[]): Promise<Validation> {
  const faults: CatalogueProblem[] = []
  const reading = paths.map((path) =>
    readManifestFiles(path).then(
      (files) => {
        if (files.length > 0) return files
        faults.push({ source: shownPath(path), message: 'holds no .yaml, .yml or .json file' })
        return []
      },
      (error: unknown) => {
        const { code } = error as NodeJS.ErrnoException
        const why =
          code === 'ENOENT' ? 'does not exist' : `cannot be read (${code ?? String(error)})`
        faults.push({ source: shownPath(path), message: why })
        return []
      },
    ),
  )
  const all = (await Promise.all(reading)).flat()
  const files = [...new Map(all.map((file) => [file.shown, file])).values()]
  const { models, problems } = followFiles(nothingKnown, files, {
    idleTimeoutMs: 0,
    startTimeoutMs: 0,
  })
  const skipped = files.flatMap(({ shown, content }) =>
    'text' in content ? parseManifests(content.text, shown).skipped : [],
  )
  return { models, problems: [...faults, ...problems], skipped }
}
