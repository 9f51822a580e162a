import type { ModelDefaults } from './facts.ts'
import { followManifests, type Known, type Origin } from './follow-manifests.ts'
import type { ManifestFile } from './manifest-files.ts'
import { parseManifests } from './manifests.ts'

/** What is known when `files` are all there is. */
export function followFiles(
  before: Known,
  files: readonly ManifestFile[],
  defaults: ModelDefaults,
): Known {
  return followManifests(before, files.map(originOf), defaults, 'first seen')
}

function originOf({ shown, mtimeMs, content }: ManifestFile): Origin {
  const manifests =
    'text' in content
      ? parseManifests(content.text, shown)
      : { models: [], problems: [{ source: shown, message: content.fault }] }
  return { key: shown, manifests, createdAtMs: mtimeMs }
}
