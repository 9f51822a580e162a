import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../../../src/drivers/process/free-port.ts'
import { entry } from '../../integration/serve/program.ts'
import { frugalArguments, vllm, vllmEnvironment } from '../environment/cache.ts'
import { patienceMs, within } from '../patience.ts'

/** A server that is about to load, without a program before it. */
export interface Launched {
  readonly url: string
  /** Of its front, and its process group. */
  readonly pid: number
  readonly exited: Promise<{ code: number | null; signal: string | null }>
}

/** A server that answers. */
export interface Server extends Launched {
  end(): Promise<void>
}

/** Its front does not end while a request is unfinished, though its engine has ended. */
const unfinishedMs = 30_000

type OnLaunch = (launched: Launched) => void

/** A real `vllm serve`. */
export async function startOriginal(
  words: readonly string[],
  onLaunch?: OnLaunch,
): Promise<Server> {
  return await startServer([vllm, 'serve', ...words, ...frugalArguments], onLaunch)
}

/** Our simulated one, as a process too. */
export async function startSimulated(
  words: readonly string[],
  onLaunch?: OnLaunch,
): Promise<Server> {
  return await startServer([process.execPath, entry, 'simulate', ...words], onLaunch)
}

async function startServer(
  [command = '', ...words]: readonly string[],
  onLaunch: OnLaunch = () => {},
): Promise<Server> {
  const port = await freePort()
  const where = ['--host', '127.0.0.1', '--port', String(port)]
  const child = spawn(command, [...words, ...where], {
    env: { ...vllmEnvironment },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: its engine and workers are ended with it.
    detached: true,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }))
  const launched = { url: `http://127.0.0.1:${port}`, pid: child.pid ?? 0, exited }
  onLaunch(launched)
  try {
    await answering(child, launched.url)
  } catch (error) {
    await end(child, exited)
    throw new Error(output.slice(-4000), { cause: error })
  }
  return { ...launched, end: () => end(child, exited) }
}

async function answering(child: ChildProcess, url: string): Promise<void> {
  const over = performance.now() + patienceMs
  for (;;) {
    const answer = await fetch(`${url}/v1/models`).catch(() => undefined)
    await answer?.bytes()
    if (answer?.ok) return
    if (child.exitCode !== null) throw new Error('the server has ended')
    if (performance.now() > over) throw new Error('the server did not come up')
    await delay(200)
  }
}

async function end(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  if (child.pid === undefined) return
  child.kill('SIGTERM')
  await within(unfinishedMs, exited)
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // Its engine and workers have ended with it.
  }
}
