import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { expect, onTestFailed, onTestFinished } from 'vitest'
import type { BackendStatus, StatusAnswer } from '../../../src/operations/index.ts'
import { LogLines, says, until, type LogLine } from './log-lines.ts'
import { modelsFolder, type ModelsFolder, type Spec } from './models.ts'
import { killIfThere, livingOf, runIdName } from './processes.ts'

/** From its source, or as it is packed where a suite says so. */
export const entry = fileURLToPath(
  new URL(
    `../../../${process.env['VLLM_CHILL_ENTRY'] ?? 'src/cli/vllm-chill.ts'}`,
    import.meta.url,
  ),
)

/** Node strips the types of a file once instead of at each start, which takes most of a start. */
const compileCache = fileURLToPath(
  new URL('../../../node_modules/.cache/node-compile', import.meta.url),
)

/** No variable of the machine that runs the tests configures what they test. */
export const plainEnvironment = {
  PATH: process.env['PATH'] ?? '',
  NODE_COMPILE_CACHE: compileCache,
}

export interface Setup {
  /** Served name → fields of its manifest. `a` and `b` unless given. */
  readonly models?: Readonly<Record<string, Spec>>
  /** Flags of the simulator for all models, beside the GPU's lock; a model's `simulating` yields to them. */
  readonly simulate?: string
  /** Further flags of `serve`. */
  readonly flags?: readonly string[]
  /** Where to listen; a free port of 127.0.0.1 unless given. */
  readonly host?: string
  readonly port?: number
  /** Content of a configuration file. */
  readonly config?: object
  /** Further variables of its environment. */
  readonly environment?: Readonly<Record<string, string>>
  /** Where a program before it was: its models, state and GPU are taken over. */
  readonly folder?: string
  /** Only where two backends are told to share a GPU. */
  readonly mayRunOutOfMemory?: boolean
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

type Child = ChildProcessByStdio<null, Readable, Readable>

/** A running `vllm-chill serve`, as a process of its own. */
export interface Serving {
  readonly url: string
  readonly pid: number
  readonly log: LogLines
  readonly runId: string
  readonly exited: Promise<Exit>
  signal(name: NodeJS.Signals): void
  waitForLog(isIt: (line: LogLine) => boolean, from?: number): Promise<LogLine>
  status(): Promise<StatusAnswer>
  /** The first backend, or the one of that name. */
  backend(name?: string): Promise<BackendStatus>
  /** Asks for the status until the backend is so. */
  untilBackend(isSo: (backend: BackendStatus) => boolean, name?: string): Promise<BackendStatus>
  /** A call of an operator, such as `operate('operations/stop', { hold: true })`. */
  operate(path: string, body?: object): Promise<Response>
}

/** The same with the process driver, and what that needs. */
export interface Program extends Serving {
  /** Holds `models/`, `state/` and the lock files of the simulated GPUs. */
  readonly folder: string
  readonly stateDir: string
  readonly models: ModelsFolder
  /** The driver's launches so far, but those whose port somebody else was quicker to take. */
  started(): { model: string; pid: number }[]
}

/** Starts the program and ends it, with everything it started, when the test is over. */
export async function startProgram(setup: Setup = {}): Promise<Program> {
  const folder = setup.folder ?? (await newFolder())
  const models = modelsFolder(join(folder, 'models'))
  await mkdir(models.path, { recursive: true })
  const wanted = setup.models ?? (setup.folder === undefined ? { a: {}, b: {} } : {})
  for (const [name, spec] of Object.entries(wanted)) await models.write(name, spec)

  const stateDir = join(folder, 'state')
  const lock = `--gpu-lock ${join(folder, 'gpu-{gpu}.lock')}`
  const options = {
    host: setup.host ?? '127.0.0.1',
    port: setup.port ?? 0,
    models: models.path,
    'state-dir': stateDir,
    command: `vllm-chill simulate ${lock} ${setup.simulate ?? ''}`,
    'probe-interval': '20ms',
    'log-level': 'debug',
    'log-format': 'json',
  }
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  flags.push(...(setup.flags ?? []))
  if (setup.config) {
    const file = join(folder, 'config.yaml')
    await writeFile(file, JSON.stringify(setup.config))
    flags.push('--config', file)
  }
  const serving = await startServing(
    flags,
    { HOME: folder, ...setup.environment },
    setup.mayRunOutOfMemory,
  )
  const started = () => startsIn(serving.log.all)
  return { ...serving, folder, stateDir, models, started }
}

/** `vllm-chill serve` with these flags; ended, with everything it started, when the test is over. */
export async function startServing(
  flags: readonly string[],
  environment: Readonly<Record<string, string>>,
  mayRunOutOfMemory = false,
): Promise<Serving> {
  const runId = randomUUID()
  const child = spawn(process.execPath, [entry, 'serve', ...flags], {
    env: { ...plainEnvironment, ...environment, [runIdName]: runId },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log = new LogLines()
  const exited = follow(child, log)
  onTestFinished(async () => {
    await end(child, exited, runId)
    expectNoDefect(log, mayRunOutOfMemory)
  })
  onTestFailed(() => console.error(log.tail(100)))
  const { url } = await log.waitFor(says('listening on'))
  return serving({ child, url: String(url), log, runId, exited })
}

interface Parts {
  readonly child: Child
  readonly url: string
  readonly log: LogLines
  readonly runId: string
  readonly exited: Promise<Exit>
}

function serving({ child, ...parts }: Parts): Serving {
  const { url, log } = parts
  const status = async () => (await (await fetch(`${url}/proxy/status`)).json()) as StatusAnswer
  const backend = async (name?: string) => {
    const { backends } = await status()
    return (name ? backends.find((one) => one.name === name) : backends[0]) as BackendStatus
  }
  return {
    ...parts,
    pid: child.pid as number,
    signal: (name) => void child.kill(name),
    waitForLog: (isIt, from) => log.waitFor(isIt, from),
    status,
    backend,
    async untilBackend(isSo, name) {
      let seen = await backend(name)
      await until(
        async () => isSo((seen = await backend(name))),
        () => `${String(isSo)} of ${JSON.stringify(seen)}\n${log.tail()}`,
      )
      return seen
    },
    operate: (path, body = {}) =>
      fetch(`${url}/proxy/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
  }
}

function startsIn(lines: readonly LogLine[]): { model: string; pid: number }[] {
  const starts: { backend: unknown; model: string; pid: number }[] = []
  for (const { room, msg, backend, model, pid } of lines) {
    if (room !== 'driver') continue
    if (msg === 'started') starts.push({ backend, model: String(model), pid: Number(pid) })
    if (msg.endsWith('trying another port')) {
      starts.splice(
        starts.findLastIndex((start) => start.backend === backend),
        1,
      )
    }
  }
  return starts.map(({ model, pid }) => ({ model, pid }))
}

export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'serve-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

async function follow(child: Child, log: LogLines): Promise<Exit> {
  let complaints = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => log.read(text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text))
  const exit = await new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  log.end(`the program ended (${JSON.stringify(exit)}) ${complaints}`)
  return exit
}

/** Twice told to stop, it cuts what still runs. */
async function end(child: Child, exited: Promise<Exit>, runId: string): Promise<void> {
  child.kill('SIGTERM')
  child.kill('SIGINT')
  const tooLate = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await exited
  clearTimeout(tooLate)
  for (const pid of await livingOf(runId)) killIfThere(pid)
}

/** What no test may ever see, whatever it is about. */
function expectNoDefect(log: LogLines, mayRunOutOfMemory = false): void {
  if (!mayRunOutOfMemory) {
    expect(log.all.filter(meetsAnother), 'two models met on one GPU').toEqual([])
  }
  expect(log.all.filter(isUnexpected), 'the log tells of a defect').toEqual([])
}

/** "Process 0" has no GPU: so says a simulator whose worker was ended before it could ask for it. */
const meetsAnother = ({ msg }: LogLine): boolean => /out of memory.* Process [1-9]/.test(msg)

const isUnexpected = ({ level, msg }: LogLine): boolean =>
  level === 'fatal' || msg.includes('unexpected way') || msg.includes('the actor failed')
