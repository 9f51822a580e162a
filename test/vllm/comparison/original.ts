import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../../../src/drivers/process/free-port.ts'
import { entry } from '../../integration/serve/program.ts'
import { frugalArguments, vllm, vllmEnvironment } from '../environment/cache.ts'

/** A `vllm serve` without a program before it. */
export interface Original {
  readonly url: string
  readonly pid: number
  /** Whatever it wrote. */
  readonly output: () => string
  readonly exited: Promise<{ code: number | null; signal: string | null }>
  end(): Promise<void>
}

const longestStartMs = 300_000
const patienceMs = 30_000

/** Called from the very start on, each time it is asked whether it answers. */
type Ask = (url: string) => Promise<void>

export async function startOriginal(words: readonly string[], ask?: Ask): Promise<Original> {
  return await startServer([vllm, 'serve', ...words, ...frugalArguments], ask)
}

/** Our simulated one, as a process too. */
export async function startSimulated(words: readonly string[], ask?: Ask): Promise<Original> {
  return await startServer([process.execPath, entry, 'simulate', ...words], ask)
}

async function startServer(
  [command = '', ...words]: readonly string[],
  ask?: Ask,
): Promise<Original> {
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
  const url = `http://127.0.0.1:${port}`
  const original = { url, pid: child.pid ?? 0, output: () => output, exited }
  await answering(child, url, () => output, ask)
  return { ...original, end: () => end(child, exited) }
}

async function answering(
  child: ChildProcess,
  url: string,
  output: () => string,
  ask: Ask = () => Promise.resolve(),
): Promise<void> {
  const over = performance.now() + longestStartMs
  for (;;) {
    await ask(url)
    const answer = await fetch(`${url}/v1/models`).catch(() => undefined)
    if (answer?.ok) return
    if (child.exitCode !== null || performance.now() > over) {
      throw new Error(`vllm serve did not come up:\n${output().slice(-4000)}`)
    }
    await delay(200)
  }
}

async function end(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  if (child.pid === undefined) return
  child.kill('SIGTERM')
  // Seen once: a front that stays after its engine has ended.
  await Promise.race([exited, delay(patienceMs, undefined, { ref: false })])
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // Its engine and workers have ended with it.
  }
}
