import { watch, type FSWatcher } from 'node:fs'
import { basename, dirname } from 'node:path'

/** A copy of several files, or an editor's write and rename, is one change. */
const quietMs = 100

export interface PathWatch {
  /**
   * Watches what is there now. Called before each reading: what changes after it is told, what changed
   * before it is read. So nothing is missed when the folder is another one than before.
   */
  arm(): void
  close(): void
}

/**
 * Tells of changes in a folder, or of a file, also when it is replaced by another one of the same name:
 * an editor's rename, a new folder, or the `..data` link of a mounted ConfigMap. The system may refuse
 * to watch, or not see a change behind a link; so somebody must look now and then all the same.
 */
export function watchPath(path: string, onChange: () => void): PathWatch {
  let watchers: FSWatcher[] = []
  let pending: NodeJS.Timeout | undefined

  const changed = (): void => {
    clearTimeout(pending)
    pending = setTimeout(onChange, quietMs)
  }
  const own = basename(path)
  // The neighbours in the folder around it are none of our business.
  const around = (name: string | null): void => {
    if (name === null || name === own || name.startsWith('..')) changed()
  }
  const disarm = (): void => {
    for (const watcher of watchers) watcher.close()
    watchers = []
  }
  const tryWatching = (target: string, listener: (name: string | null) => void): void => {
    try {
      const watcher = watch(target, { persistent: false }, (_, name) => listener(name))
      watcher.on('error', changed)
      watchers.push(watcher)
    } catch {
      // Gone, or no more watches to be had: the next look comes by the clock.
    }
  }
  return {
    arm() {
      disarm()
      tryWatching(dirname(path), around)
      tryWatching(path, changed)
    },
    close() {
      clearTimeout(pending)
      disarm()
    },
  }
}
