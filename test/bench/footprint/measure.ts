import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface Footprint {
  /** From the start of the process until it says that it listens. */
  readonly startMs: number
  /** Resident, once it has been idle for a while, bytes. */
  readonly residentBytes: number
}

/** Its start is over by then, and what it took is given back or not. */
const idleMs = 2_000

/**
 * Starts a program, waits until it listens, lets it idle, and ends it.
 *
 * @param entry the bin: of the bundle, or of the sources
 */
export async function measure(entry: string): Promise<Footprint> {
  const stateDir = mkdtempSync(join(tmpdir(), 'vllm-chill-footprint-'))
  const startedAt = performance.now()
  const program = spawn(
    process.execPath,
    [
      entry,
      'serve',
      '--config=examples/demo/vllm-chill.yaml',
      '--port=0',
      `--state-dir=${stateDir}`,
      '--log-format=json',
    ],
    { env: {}, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const ended = once(program, 'exit')
  try {
    const listens = untilItListens(program.stdout)
    if (!(await Promise.race([listens, ended.then(() => false)])))
      throw new Error(`${entry} ended before it listened`)
    const startMs = performance.now() - startedAt
    await new Promise((resolve) => setTimeout(resolve, idleMs))
    return { startMs, residentBytes: residentBytes(program.pid as number) }
  } finally {
    program.kill('SIGTERM')
    await ended
    rmSync(stateDir, { recursive: true, force: true })
  }
}

async function untilItListens(output: NodeJS.ReadableStream): Promise<boolean> {
  for await (const line of createInterface({ input: output })) {
    if (line.includes('listening on')) return true
  }
  return false
}

function residentBytes(pid: number): number {
  const [, kibibytes = ''] =
    /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kibibytes) * 1024
}
