import { resolve } from 'node:path'
import { ConfigError } from '../config/index.ts'
import type { ModelDefaults } from './facts.ts'
import { followFiles } from './follow-files.ts'
import type { Known } from './follow-manifests.ts'
import { keepModels } from './kept-models.ts'
import { readManifestFiles, shownPath } from './manifest-files.ts'
import type { ChangeListeners } from './tell-changes.ts'
import type { Catalogue } from './types.ts'
import { watchPath } from './watch-path.ts'

/** Watches miss what happens behind links and on some network file systems. */
const lookAgainMs = 30_000

export interface FolderCatalogueOptions extends ChangeListeners {
  /** A folder of manifests, or one file. */
  readonly path: string
  /** For what a manifest leaves open; from the settings. */
  readonly defaults: ModelDefaults
}

/**
 * The models of a folder, followed as it changes. A broken file, and a folder that is not there for a
 * while, leave in force what was good before; a deleted file takes its models with it.
 * @throws ConfigError when there is nothing at `path` at the start.
 */
export async function openFolderCatalogue(options: FolderCatalogueOptions): Promise<Catalogue> {
  const path = resolve(options.path)
  const { defaults } = options
  const kept = keepModels(options, end)
  let reading: Promise<void> | undefined
  let isStale = false
  let isClosed = false

  const watching = watchPath(path, refresh)
  watching.arm()
  try {
    kept.adopt(followFiles(kept.known, await readManifestFiles(path), defaults))
  } catch (error) {
    watching.close()
    throw new ConfigError([`models: ${shownPath(path)} ${whyNot(error)}`])
  }
  const lookAgain = setInterval(refresh, lookAgainMs).unref()

  /** One reading at a time; a change during one makes another. */
  function refresh(): void {
    isStale = true
    reading ??= readWhileStale().finally(() => {
      reading = undefined
    })
  }

  async function readWhileStale(): Promise<void> {
    while (isStale) {
      isStale = false
      if (isClosed) return
      watching.arm()
      const next = await readManifestFiles(path)
        .then((files) => followFiles(kept.known, files, defaults))
        .catch((error: unknown): Known => {
          const message = `${whyNot(error)}; the models known so far stay`
          return { ...kept.known, problems: [{ source: shownPath(path), message }] }
        })
      if (!isClosed) kept.adopt(next)
    }
  }

  async function end(): Promise<void> {
    isClosed = true
    clearInterval(lookAgain)
    watching.close()
    await reading
  }

  return kept.catalogue
}

function whyNot(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT'
    ? 'does not exist; create the folder, or name another with `--models`'
    : `cannot be read (${code ?? String(error)})`
}
