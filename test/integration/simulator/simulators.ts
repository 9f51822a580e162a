import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import {
  type Simulator,
  parseSimulatorArguments,
  startSimulator,
} from '../../../src/simulator/index.ts'

/** Starts one in this process, closed when the test ends. */
export async function simulator(line = '', environment = {}): Promise<Simulator> {
  const words = `--model m --host 127.0.0.1 --port 0 ${line}`.trim().split(' ')
  const started = await startSimulator(parseSimulatorArguments(words, environment))
  onTestFinished(() => started.close())
  return started
}

/** Node strips the types of a file once instead of at each start, which takes most of a start. */
const compileCache = fileURLToPath(
  new URL('../../../node_modules/.cache/node-compile', import.meta.url),
)

const entry = fileURLToPath(new URL('../../../src/simulator/process.ts', import.meta.url))

export interface SpawnedSimulator {
  readonly child: ChildProcess
  /** Resolves with the first log line that contains the text, said already or not yet. */
  readonly logged: (text: string) => Promise<string>
  /** Resolves with the base URL once the server listens. */
  readonly listening: () => Promise<string>
  /** Resolves with exit code or signal. */
  readonly ended: Promise<number | string>
}

/** Starts one as a process of its own, killed when the test ends. */
export function spawnSimulator(
  line: string,
  environment: Readonly<Record<string, string>> = {},
): SpawnedSimulator {
  const words = `--model m --host 127.0.0.1 --port 0 ${line}`.trim().split(' ')
  return watch(
    spawn(process.execPath, [entry, ...words], {
      env: { ...process.env, NODE_COMPILE_CACHE: compileCache, ...environment },
      stdio: ['ignore', 'ignore', 'pipe'],
    }),
  )
}

/** Starts only the worker that holds a GPU. */
export function spawnWorker(lockFile: string): ChildProcess {
  const child = spawn(process.execPath, [entry, '--gpu-worker', '0', lockFile], {
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  return child
}

function watch(child: ChildProcess): SpawnedSimulator {
  const lines: string[] = []
  let rest = ''
  const more = new EventTarget()
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
    more.dispatchEvent(new Event('lines'))
  })
  const ended = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string)
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  const logged = async (text: string): Promise<string> => {
    for (;;) {
      const found = lines.find((line) => line.includes(text))
      if (found !== undefined) return found
      await once(more, 'lines')
    }
  }
  return {
    child,
    ended,
    logged,
    async listening() {
      const line = await logged('Starting vLLM server on ')
      return line.slice(line.indexOf('http://'))
    },
  }
}

/** A path for a lock file that no other test has. */
export async function freshLockFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'simulated-gpu-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'gpu.lock')
}

export const postJson = (url: string, body: unknown, init: RequestInit = {}): Promise<Response> =>
  fetch(url, {
    ...init,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

export const chat = (url: string, said = 'hi', more = {}, init: RequestInit = {}) =>
  postJson(
    `${url}/v1/chat/completions`,
    { messages: [{ role: 'user', content: said }], ...more },
    init,
  )

/** The value of a metric without regard to its labels. */
export async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1])
}

/** Asks until it is so; each round is a request, so no time is guessed. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve))
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
