import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'

/** Who holds a lock: a process is named by its id and start time, because ids come again. */
interface Holder {
  readonly pid: number
  /** Clock ticks since boot; undefined where there is no /proc. */
  readonly startedAt: string | undefined
}

export type LockResult = { readonly release: () => void } | { readonly heldBy: number }

/**
 * Takes a lock file for this process, or says who has it.
 *
 * A lock appears whole, by `link`, which fails if the name exists. A dead holder is succeeded by
 * linking a file named after it (`<lock>.after-<holder>`): only one process can, and if it dies too,
 * the next follows the chain one step further. The end of the chain owns the lock and then writes
 * itself into the lock file. Nothing that a living process relies on is ever removed by another.
 */
export function takeGpuLock(file: string): LockResult {
  const self: Holder = { pid: process.pid, startedAt: processState(process.pid)?.startedAt }
  const draft = `${file}.${nameOf(self)}`
  writeFileSync(draft, JSON.stringify(self))
  try {
    for (;;) {
      const { last, next, steps } = followChain(file)
      if (last !== undefined && nameOf(last) === nameOf(self)) {
        renameSync(draft, file)
        for (const step of steps) remove(step)
        return { release: () => releaseGpuLock(file, self) }
      }
      if (last !== undefined && isAlive(last)) return { heldBy: last.pid }
      const linked = linkUnlessTaken(draft, next)
      // Another may have rewritten the chain before the link stood: then it leads elsewhere now.
      if (linked && followChain(file).last?.pid !== self.pid) remove(next)
    }
  } finally {
    remove(draft)
  }
}

function releaseGpuLock(file: string, self: Holder): void {
  const holder = readHolder(file)
  if (holder !== undefined && nameOf(holder) === nameOf(self)) remove(file)
}

interface Chain {
  /** The holder at the end, if there is any. */
  readonly last: Holder | undefined
  /** The name to link in order to succeed it. */
  readonly next: string
  /** Successor files on the way. */
  readonly steps: readonly string[]
}

function followChain(file: string): Chain {
  const steps: string[] = []
  let last: Holder | undefined
  let next = file
  for (;;) {
    const holder = readHolder(next)
    if (holder === undefined) return { last, next, steps }
    if (next !== file) steps.push(next)
    last = holder
    next = `${file}.after-${nameOf(holder)}`
  }
}

const nameOf = (holder: Holder): string => `${holder.pid}-${holder.startedAt ?? 'unknown'}`

function readHolder(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Holder
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw new Error(`${file} is not a GPU lock`, { cause: error })
  }
}

function linkUnlessTaken(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false
    throw error
  }
}

function remove(file: string): void {
  try {
    unlinkSync(file)
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error
  }
}

function isAlive(holder: Holder): boolean {
  if (holder.startedAt !== undefined) {
    const state = processState(holder.pid)
    return state !== undefined && !state.zombie && state.startedAt === holder.startedAt
  }
  try {
    process.kill(holder.pid, 0)
    return true
  } catch (error) {
    return isCode(error, 'EPERM')
  }
}

/** A zombie has given its GPU memory back, though its id still exists. */
function processState(pid: number): { startedAt: string; zombie: boolean } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the command in parentheses and may hold anything, spaces included.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { zombie: fields[0] === 'Z' || fields[0] === 'X', startedAt: fields[19] ?? '' }
  } catch {
    return undefined
  }
}

const isCode = (error: unknown, code: string): boolean =>
  (error as NodeJS.ErrnoException).code === code
