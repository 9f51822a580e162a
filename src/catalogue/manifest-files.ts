import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'

/** One file as it was found. */
export interface ManifestFile {
  /** As people see it: relative to the working directory where it lies below. */
  readonly shown: string
  readonly mtimeMs: number
  /** Its text, or why it could not be read. */
  readonly content: { readonly text: string } | { readonly fault: string }
}

/**
 * The manifest files of a folder (not of folders in it), or the one file, oldest first. Links are
 * followed, so that a mounted ConfigMap works; names with a first dot are not looked at.
 * @throws ENOENT and the like when `path` itself cannot be read.
 */
export async function readManifestFiles(path: string): Promise<ManifestFile[]> {
  const isFolder = (await stat(path)).isDirectory()
  const paths = isFolder
    ? (await readdir(path)).filter(isManifestName).map((name) => join(path, name))
    : [path]
  const files = await Promise.all(paths.map(readManifestFile))
  return files
    .filter((file) => file !== undefined)
    .sort((a, b) => a.mtimeMs - b.mtimeMs || (a.shown < b.shown ? -1 : 1))
}

function isManifestName(name: string): boolean {
  return !name.startsWith('.') && /\.(ya?ml|json)$/i.test(name)
}

/** Undefined when it is gone by now, or no file. */
async function readManifestFile(path: string): Promise<ManifestFile | undefined> {
  const shown = shownPath(path)
  try {
    const { mtimeMs, isFile } = await stat(path).then((found) => ({
      mtimeMs: found.mtimeMs,
      isFile: found.isFile(),
    }))
    if (!isFile) return undefined
    return { shown, mtimeMs, content: { text: await readFile(path, 'utf8') } }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    return { shown, mtimeMs: 0, content: { fault: `cannot be read (${code ?? String(error)})` } }
  }
}

export function shownPath(path: string): string {
  const below = relative(process.cwd(), path)
  return below === '' || below === '..' || below.startsWith(`..${sep}`) ? path : below
}
