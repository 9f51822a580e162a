import { execFile, execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'

/** One process, as the kernel lists it. */
export interface ProcessEntry {
  readonly pid: number
  /** Process group id: the pid of its first leader. */
  readonly group: number
  /** Dead, but nobody has asked for its exit code yet: it holds no memory and no GPU. */
  readonly zombie: boolean
  /** Together with the pid it names one process for ever, across recycled pids and reboots. */
  readonly startTime: string
}

/** True where `/proc` tells what `ps` would have to be asked for, and the environment of a process too. */
export const hasProc = existsSync('/proc/self/stat')

/**
 * Ticks since boot say nothing after a reboot, and a machine that boots the same services gives out
 * the same pids: the boot's own id goes along.
 */
const boot = readBootId()

function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8)
  } catch {
    return 'boot'
  }
}

/** The process with this pid, zombies included; undefined if there is none. */
export function processEntry(pid: number): ProcessEntry | undefined {
  try {
    if (hasProc) return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    const listed = execFileSync('ps', [...psColumns, '-p', String(pid)], psOptions)
    return parsePs(listed)[0]
  } catch {
    return undefined
  }
}

/** Every process there is. */
export async function processTable(): Promise<ProcessEntry[]> {
  if (hasProc) return await eachProcess(processEntry)
  const { stdout } = await promisify(execFile)('ps', ['-A', ...psColumns], psOptions)
  return parsePs(stdout)
}

const psColumns = ['-o', 'pid=,pgid=,stat=,lstart=']
// `lstart` is written in words, in the language of the locale.
const psOptions = { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } } as const

/** A machine with many GPUs runs thousands of processes, and the proxy's event loop goes on meanwhile. */
const sliceOfPids = 64

/** Visits every pid in `/proc`, in slices; collects what is not undefined. */
export async function eachProcess<T>(visit: (pid: number) => T | undefined): Promise<T[]> {
  const pids = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
  const found: T[] = []
  for (let start = 0; start < pids.length; start += sliceOfPids) {
    if (start > 0) await setImmediate()
    for (const pid of pids.slice(start, start + sliceOfPids)) {
      const seen = visit(pid)
      if (seen !== undefined) found.push(seen)
    }
  }
  return found
}

/** Reads `/proc/<pid>/stat`: the name in parentheses may itself hold spaces and parentheses. */
export function parseStat(stat: string): ProcessEntry | undefined {
  const endOfName = stat.lastIndexOf(')')
  const pid = Number.parseInt(stat, 10)
  // From field 3 on: state, ppid, pgrp … and starttime, which is field 22.
  const fields = stat.slice(endOfName + 2).split(' ')
  const [state, , group] = fields
  const threads = Number(fields[17])
  const ticks = fields[19]
  if (endOfName < 0 || !state || !group || !ticks || Number.isNaN(pid)) return undefined
  // The first thread of a dying process turns zombie while others still hold its memory and its GPU.
  const zombie = isDead(state) && threads <= 1
  return { pid, group: Number(group), zombie, startTime: `${ticks}.${boot}` }
}

/** Reads `ps -o pid=,pgid=,stat=,lstart=`. */
export function parsePs(listed: string): ProcessEntry[] {
  return listed.split('\n').flatMap((line) => {
    const [pid, group, state, ...started] = line.trim().split(/\s+/)
    if (!pid || !group || !state) return []
    const startTime = started.join(' ')
    return [{ pid: Number(pid), group: Number(group), zombie: isDead(state), startTime }]
  })
}

function isDead(state: string): boolean {
  return state.startsWith('Z') || state.startsWith('X')
}
