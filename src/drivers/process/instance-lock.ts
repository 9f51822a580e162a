import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError } from '../../config/index.ts'
import { processEntry } from './process-table.ts'

/** Another living program works with this state folder: its backends are not ours to sweep. */
export class StateDirInUseError extends Error {
  override readonly name = 'StateDirInUseError'
  readonly code = 'state_dir_in_use'
  /** Of the program, which cannot go on: a matter for the person, not for a stack trace. */
  readonly exitCode = 1
  /** Process id of the program that holds it. */
  readonly pid: number

  constructor(stateDir: string, pid: number) {
    super(
      `${stateDir} is in use by the vllm-chill with process id ${pid}; stop that one, or give this one a --state-dir of its own`,
    )
    this.pid = pid
  }
}

export interface InstanceLock {
  release(): void
}

/**
 * Takes the state folder for this process; throws StateDirInUseError where a living process has it, and
 * ConfigError where nothing can be written. A lock whose holder died (by SIGKILL, by a reboot) is taken
 * over.
 */
export function lockStateDir(stateDir: string): InstanceLock {
  try {
    return lock(stateDir)
  } catch (error) {
    if (error instanceof StateDirInUseError) throw error
    const why = (error as Error).message
    throw new ConfigError([
      `stateDir: ${stateDir} cannot be written (${why}); choose another with \`--state-dir\``,
    ])
  }
}

function lock(stateDir: string): InstanceLock {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 })
  const path = join(stateDir, 'instance.lock')
  const draft = `${path}.${process.pid}`
  const mine = nameOf(process.pid)
  try {
    writeFileSync(draft, mine, { mode: 0o600 })
    for (;;) {
      if (tryLink(draft, path)) return { release: () => releaseIfMine(path, mine) }
      const holder = read(path)
      if (holder === undefined) continue
      const pid = Number.parseInt(holder, 10)
      if (pid > 0 && holder === nameOf(pid)) throw new StateDirInUseError(stateDir, pid)
      moveAway(path, holder)
    }
  } finally {
    rmSync(draft, { force: true })
  }
}

/** Pid and start time; a zombie holds nothing any more. */
function nameOf(pid: number): string {
  const entry = processEntry(pid)
  return entry && !entry.zombie ? `${pid} ${entry.startTime}\n` : ''
}

/** A hard link comes with its content, all at once, and never replaces another: an empty lock cannot be seen. */
function tryLink(draft: string, path: string): boolean {
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/**
 * Renamed, not removed: of two that found the dead holder's lock one gets the file, and one that came
 * late and caught the winner's new lock puts it back.
 */
function moveAway(path: string, holder: string): void {
  const aside = `${path}.${process.pid}.stale`
  try {
    renameSync(path, aside)
  } catch {
    return
  }
  if (read(aside) !== holder) tryLink(aside, path)
  rmSync(aside, { force: true })
}

function releaseIfMine(path: string, mine: string): void {
  if (read(path) === mine) rmSync(path, { force: true })
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
