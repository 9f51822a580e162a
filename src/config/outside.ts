import { join, resolve } from 'node:path'
import type { Definition } from './definition.ts'
import type { Complain } from './layers.ts'

/** What loading may see of the machine; tests put their own in its place. */
export interface Outside {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly home: string
  /** Text of a file; throws as `readFileSync` does. */
  readonly readFile: (path: string) => string
  readonly complain: Complain
}

const filePrefix = 'file:'

/** `~/x` and relative paths made absolute; no shell has seen those in a file. */
export function absolutePath(path: string, directory: string, home: string): string {
  return path === '~' || path.startsWith('~/')
    ? join(home, path.slice(1))
    : resolve(directory, path)
}

/** What a value stands for outside: a path made absolute, a secret read from the file it names. */
export function followOutside(
  { kind }: Definition<unknown>,
  value: unknown,
  at: { readonly directory: string; readonly place: string },
  outside: Outside,
): unknown {
  if (kind.isPath) return absolutePath(String(value), at.directory, outside.home)
  if (!kind.isSecret) return value
  const linesOf = (word: string): readonly string[] => {
    if (!word.startsWith(filePrefix)) return [word]
    const path = absolutePath(word.slice(filePrefix.length), at.directory, outside.home)
    return readSecrets(path, at.place, outside)
  }
  return Array.isArray(value)
    ? value.flatMap((word) => linesOf(String(word)))
    : linesOf(String(value))[0]
}

/** The lines of a file of keys, without blank ones and comments. An empty file is a problem. */
export function readSecrets(path: string, place: string, outside: Outside): readonly string[] {
  const text = tryReading(path, place, outside)
  if (text === undefined) return []
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  if (lines.length === 0) outside.complain(`${place}: ${path} is empty; write the secret into it`)
  return lines
}

export function tryReading(path: string, place: string, outside: Outside): string | undefined {
  try {
    return outside.readFile(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code ?? String(error)})`
    outside.complain(`${place}: ${path} ${why}`)
    return undefined
  }
}
