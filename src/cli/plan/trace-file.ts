import { open } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { readTrace, type Trace, type TraceOptions } from '../../planning/index.ts'
import { CommandFailed } from '../failure.ts'

/** Line by line, since logs are long. `-` is standard input. */
export async function readTraceFile(
  path: string,
  options: Omit<TraceOptions, 'name'>,
): Promise<Trace> {
  const name = path === '-' ? 'standard input' : path
  if (path === '-') {
    return await readTrace(createInterface({ input: process.stdin }), { ...options, name })
  }
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'does not exist' : `cannot be read (${error.code})`
    throw new CommandFailed(`--trace: ${path} ${why}`)
  })
  try {
    return await readTrace(file.readLines(), { ...options, name })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EISDIR') throw error
    throw new CommandFailed(`--trace: ${path} is a folder; name one file`)
  } finally {
    await file.close()
  }
}
