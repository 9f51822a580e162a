import { spawn, type ChildProcessByStdio } from 'node:child_process'
import type { Readable } from 'node:stream'
import { StartError } from '../../../machines/index.ts'
import { childEnvironment } from './environment.ts'
import { newMarker } from './marker.ts'
import type { DriverLog, LaunchPlan, ProcessBackend } from './options.ts'
import { OutputTail } from './output-tail.ts'
import { ProcessGroup, type GroupMembers } from './process-group.ts'
import { processEntry } from './process-table.ts'
import { commandNotFound, describeExit, FailureSigns, type Exit } from './start-failure.ts'
import { removeState, writeState, type BackendState } from './state-file.ts'
import { startWatchdog, type Watchdog } from './watchdog.ts'

export interface Launch {
  readonly backend: string
  readonly model: string
  readonly settings: ProcessBackend
  readonly plan: LaunchPlan
  /** On 127.0.0.1. */
  readonly port: number
  readonly onLine: (line: string) => void
}

/** What all launches of one driver share. */
export interface LaunchSite {
  readonly stateDir: string
  readonly terminationGraceMs: number
  readonly backendApiKey: string | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly log: DriverLog
  /** Aborts when the driver closes. */
  readonly closing: AbortSignal
}

/** The last lines of a process come a moment after its exit; a worker that holds the pipe open gets no longer. */
const outputGraceMs = 50

type Child = ChildProcessByStdio<null, Readable, Readable>

/**
 * One launch: a process group with its watchdog, its record in the state folder and its output, from
 * the moment of the launch until no process of it is left.
 */
export class BackendProcess {
  readonly model: string
  readonly plan: LaunchPlan
  readonly port: number
  readonly url: string
  /** The key that the process asks for, if any. */
  readonly apiKey: string | undefined
  readonly signs = new FailureSigns()
  readonly output: OutputTail
  /** Resolves when the program runs; rejects with StartError when it cannot. */
  readonly spawned: Promise<void>
  /** Resolves when the leader has ended and its last lines are read. */
  readonly exited: Promise<Exit>
  /** Set in the moment the leader ends. */
  exit: Exit | undefined
  /** `/v1/models` named the model, and this process said so. */
  ready = false

  readonly #site: LaunchSite
  readonly #backend: string
  readonly #child: Child | undefined
  readonly #group: ProcessGroup
  readonly #watchdog: Watchdog
  readonly #leader: BackendState['leader']
  #ending: Promise<void> | undefined
  #killed = false
  #gone = false

  /** Launches; throws StartError if not even the record of it can be written. */
  constructor(launch: Launch, site: LaunchSite) {
    const { backend, model, plan, port, settings } = launch
    this.#site = site
    this.#backend = backend
    this.model = model
    this.plan = plan
    this.port = port
    this.url = `http://127.0.0.1:${port}`
    this.output = new OutputTail((line) => {
      this.signs.read(line)
      launch.onLine(line)
    })

    const marker = newMarker()
    const environment = childEnvironment({
      own: site.environment,
      backend: settings,
      plan,
      backendApiKey: site.backendApiKey,
      marker,
    })
    this.apiKey = environment['VLLM_API_KEY']
    const command = commandLine(launch)
    const state = { backend, marker, model, port, command }

    // Record and watchdog come first: from the launch on there is no moment in which the end of the
    // program would leave a process that nobody knows.
    this.#record(state)
    this.#watchdog = startWatchdog(marker, site.terminationGraceMs, site.log)
    const launched = trySpawn(command, environment)
    this.#child = launched instanceof Error ? undefined : launched
    const pid = this.#child?.pid
    const startTime = pid === undefined ? undefined : processEntry(pid)?.startTime
    if (pid !== undefined) {
      this.#leader = { pid, startTime: startTime ?? '' }
      this.#watchdog.guard(pid)
      this.#record({ ...state, leader: this.#leader, watchdog: this.#watchdog.pid })
    }
    this.#group = new ProcessGroup({ marker, leader: this.#leader })
    this.spawned = this.#becomesSpawned(launched, command[0] ?? '')
    this.exited = this.#becomesExited()
  }

  /** Process id and start time: this very process, whatever becomes of its pid. */
  get incarnation(): string {
    return this.#leader ? `${this.#leader.pid}@${this.#leader.startTime}` : 'none'
  }

  get pid(): number | undefined {
    return this.#leader?.pid
  }

  /** Nobody of the launch is left. */
  get gone(): boolean {
    return this.#gone
  }

  get ending(): boolean {
    return this.#ending !== undefined
  }

  async members(): Promise<GroupMembers> {
    return await this.#group.members()
  }

  /** Ends the whole launch; resolves when nobody of it is left. One ending, whoever asks and how often. */
  async end(): Promise<void> {
    this.#ending ??= this.#end()
    await this.#ending
  }

  async #end(): Promise<void> {
    if (this.#gone) return
    const { terminationGraceMs: graceMs, closing, log } = this.#site
    const about = { backend: this.#backend, model: this.model, pid: this.pid }
    try {
      await this.#group.end({
        graceMs,
        signal: closing,
        onKill: () => {
          this.#killed = true
          log.warn(about, `not gone ${graceMs} ms after SIGTERM: SIGKILL`)
        },
      })
    } catch (error) {
      this.#ending = undefined
      throw error
    }
    this.#release()
    // Somebody who took the pipe along and wiped every trace of the launch would keep it open.
    this.#child?.stdout.destroy()
    this.#child?.stderr.destroy()
  }

  async #becomesSpawned(launched: Child | Error, program: string): Promise<void> {
    try {
      if (launched instanceof Error) throw launched
      await new Promise<void>((resolve, reject) => {
        launched.once('spawn', resolve)
        launched.once('error', reject)
      })
    } catch (error) {
      this.#release()
      throw spawnFailure(error as NodeJS.ErrnoException, program)
    }
  }

  #becomesExited(): Promise<Exit> {
    return new Promise((resolve) => {
      const child = this.#child
      // Where the program may open no more files there are not even pipes.
      if (child?.pid === undefined) return
      this.output.follow(child.stdout)
      this.output.follow(child.stderr)
      child.once('exit', (code, signal) => {
        const exit = { code, signal }
        this.exit = exit
        this.#tellExit(exit)
        const timer = setTimeout(resolve, outputGraceMs, exit)
        child.once('close', () => {
          clearTimeout(timer)
          resolve(exit)
        })
        void this.#leaderLeft()
      })
    })
  }

  /** Who waits for another model can turn the chart away before it hears of a death. */
  #tellExit(exit: Exit): void {
    const { code, signal } = exit
    const about = { backend: this.#backend, model: this.model, pid: this.pid, code, signal }
    const { log } = this.#site
    const ofItself = !this.ending || (signal !== null && signal !== 'SIGTERM' && !this.#killed)
    // What ends before it is ready fails its start, which is told by another.
    if (this.ready && ofItself)
      log.warn(about, `ended by itself: the process ${describeExit(exit)}`)
    else log.info(about, signal === null ? `ended with code ${code}` : `ended by ${signal}`)
  }

  /** Without workers left behind the launch is over: its pid may be given out again, so nothing may keep it. */
  async #leaderLeft(): Promise<void> {
    try {
      await this.#group.rememberMembers()
      if (await this.#group.isEmpty()) this.#release()
    } catch (error) {
      this.#site.log.warn({ err: error, backend: this.#backend }, 'cannot list the processes')
    }
  }

  #release(): void {
    if (this.#gone) return
    this.#gone = true
    this.#watchdog.dismiss()
    try {
      removeState(this.#site.stateDir, this.#backend)
    } catch (error) {
      this.#site.log.warn({ err: error, backend: this.#backend }, 'cannot remove the state file')
    }
  }

  #record(state: BackendState): void {
    try {
      writeState(this.#site.stateDir, state)
    } catch (error) {
      // With a leader it runs already, and the record before this one still finds it by its marker.
      const message = `cannot write to the state folder: ${(error as Error).message}`
      if (!state.leader) throw new StartError({ reason: 'resources', message })
      this.#site.log.warn({ backend: this.#backend }, message)
    }
  }
}

function commandLine({ settings, plan, port }: Launch): string[] {
  const command = plan.command ?? settings.command
  return [...command, ...plan.arguments, '--host', '127.0.0.1', '--port', String(port)]
}

/** Node reports some failures by an event and throws others (an argument list that is too long). */
function trySpawn(command: readonly string[], env: Record<string, string>): Child | Error {
  const [program = '', ...rest] = command
  try {
    // Detached: the leader of a group of its own, which can be ended as one.
    return spawn(program, rest, { detached: true, env, stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (error) {
    return error as Error
  }
}

function spawnFailure(error: NodeJS.ErrnoException, program: string): StartError {
  if (error.code === 'ENOENT') return commandNotFound(program, 'there is no such program')
  if (error.code === 'EACCES') return commandNotFound(program, 'it is not executable')
  return new StartError({
    reason: 'resources',
    message: `cannot run "${program}": ${error.message}`,
  })
}
