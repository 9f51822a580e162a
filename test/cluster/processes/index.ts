import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { startWatchdog } from './watchdog.ts'

export interface ProcessOrder {
  readonly command: string
  readonly args: readonly string[]
  /** The whole environment. */
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** Gets stdout and stderr. */
  readonly logFile: string
}

export interface Exit {
  /** As a shell gives it: 128 + signal number for a signal. */
  readonly code: number
}

export interface OwnedProcess {
  readonly pid: number
  readonly logFile: string
  /** Never rejects; a command that cannot be started ends with 127, as in a shell. */
  readonly exited: Promise<Exit>
  /** To the process itself, as a container runtime does with the first process. */
  signal(name: NodeJS.Signals): void
  /** To all that it started, too. */
  kill(): void
  /** SIGTERM, and SIGKILL to what is left after the grace. */
  stop(graceMs: number): Promise<Exit>
}

/** Processes, and a folder for them, that end with this one: by `close`, or by its death. */
export interface Household {
  readonly folder: string
  start(order: ProcessOrder): OwnedProcess
  /** Kills what still runs and removes the folder. */
  close(): Promise<void>
}

const signalNumbers: Partial<Record<NodeJS.Signals, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
}

/** @param folder exists; belongs to the household from now on */
export function startHousehold(folder: string): Household {
  const watchdog = startWatchdog(folder)
  const running = new Set<OwnedProcess>()
  let closed = false
  return {
    folder,
    start(order) {
      if (closed) throw new Error(`nothing can be started any more: ${order.command}`)
      const owned = startProcess(order)
      if (owned.pid > 0) {
        watchdog.guard(owned.pid)
        running.add(owned)
        void owned.exited.then(() => {
          running.delete(owned)
          watchdog.forget(owned.pid)
        })
      }
      return owned
    },
    async close() {
      closed = true
      await Promise.all(
        [...running].map((owned) => {
          owned.kill()
          return owned.exited
        }),
      )
      await rm(folder, { recursive: true, force: true, maxRetries: 10 })
      watchdog.dismiss()
    },
  }
}

function startProcess(order: ProcessOrder): OwnedProcess {
  mkdirSync(dirname(order.logFile), { recursive: true })
  const log = openSync(order.logFile, 'a')
  // A group of its own: so that all of it can be ended, and ^C in a terminal leaves the order to us.
  const child = spawn(order.command, order.args, {
    env: order.env,
    cwd: order.cwd,
    detached: true,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  const pid = child.pid ?? 0
  let ended = false
  const exited = new Promise<Exit>((resolve) => {
    child.once('error', () => resolve({ code: 127 }))
    child.once('exit', (code, signal) => {
      resolve({ code: code ?? 128 + (signalNumbers[signal ?? 'SIGKILL'] ?? 0) })
    })
  }).then((exit) => {
    // What a dead leader leaves behind would be killed with its container.
    if (pid > 0) sendTo(-pid, 'SIGKILL')
    ended = true
    return exit
  })
  const kill = () => {
    if (!ended && pid > 0) sendTo(-pid, 'SIGKILL')
  }
  return {
    pid,
    logFile: order.logFile,
    exited,
    signal(name) {
      if (!ended && pid > 0) sendTo(pid, name)
    },
    kill,
    async stop(graceMs) {
      if (!ended && pid > 0) sendTo(pid, 'SIGTERM')
      const timer = setTimeout(kill, graceMs)
      const exit = await exited
      clearTimeout(timer)
      return exit
    },
  }
}

function sendTo(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal)
  } catch {
    // It has ended meanwhile.
  }
}

/** The last lines of a log, for an error message. */
export function endOfLog(file: string, lines = 12): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
  } catch {
    return ''
  }
}
