import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

/** Why a program cannot be run, in words; undefined if it can. `path` is the child's own PATH. */
export async function whyNotExecutable(
  program: string,
  path: string | undefined,
): Promise<string | undefined> {
  if (program === '') return 'the command is empty'
  if (program.includes('/')) {
    const state = await look(program)
    return state === 'executable' ? undefined : `the file is ${state}`
  }
  let forbidden: string | undefined
  for (const folder of (path ?? '').split(delimiter)) {
    const candidate = join(folder === '' ? '.' : folder, program)
    const state = await look(candidate)
    if (state === 'executable') return undefined
    if (state === 'not executable') forbidden ??= candidate
  }
  return forbidden ? `${forbidden} is not executable` : 'it is not on the PATH'
}

async function look(file: string): Promise<'executable' | 'not executable' | 'not there'> {
  try {
    if (!(await stat(file)).isFile()) return 'not executable'
  } catch {
    return 'not there'
  }
  try {
    await access(file, constants.X_OK)
    return 'executable'
  } catch {
    return 'not executable'
  }
}
