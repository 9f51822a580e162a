import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished, vi } from 'vitest'
import type { StartOrder, StartPhase } from '../../../machines/index.ts'
import {
  createProcessDriver,
  type LaunchPlan,
  type ProcessDriver,
  type ProcessDriverOptions,
} from '../../../src/drivers/process/index.ts'

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))

export const serverCommand = [process.execPath, fixture('server.ts')]
export const hostCommand = [process.execPath, fixture('host.ts')]

/** Removed when the test is over. */
export async function scratchFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'process-driver-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

export function orderFor(model = 'm'): StartOrder {
  const facts = { name: model, revision: 'r1', idleTimeoutMs: 1, startTimeoutMs: 1, priority: 0 }
  return { backend: 'gpu', model: facts, generation: 1 }
}

export function planWith(env: Record<string, string>): LaunchPlan {
  return {
    arguments: ['--model', 'org/m'],
    env,
    revision: 'r1',
    maxInFlight: 4,
    servedNames: ['m'],
  }
}

export interface Setup extends Partial<ProcessDriverOptions> {
  /** Environment of the model, which is what steers the fake server. */
  env?: Record<string, string>
}

export const never = new AbortController().signal

/** A driver with one backend, `gpu`; closed, with everything it started, when the test is over. */
export async function setUp(setup: Setup = {}) {
  const { env = {}, ...options } = setup
  const stateDir = options.stateDir ?? (await scratchFolder())
  const warnings: string[] = []
  const log = {
    info() {},
    warn: (_: object, message: string) => void warnings.push(message),
    error: (_: object, message: string) => void warnings.push(message),
  }
  const driver: ProcessDriver = createProcessDriver({
    backends: { gpu: { command: serverCommand } },
    modelOf: () => planWith(env),
    terminationGraceMs: 5000,
    probeIntervalMs: 20,
    log,
    ...options,
    stateDir,
  })
  onTestFinished(() => driver.close())
  const phases: StartPhase[] = []
  const start = async (signal = never) => {
    await driver.ensureResources(orderFor(), signal)
    return await driver.start(orderFor(), signal, (phase) => phases.push(phase))
  }
  return { driver, stateDir, warnings, phases, start }
}

/** The failure of a start that must fail. */
export async function failureOf(start: Promise<unknown>) {
  const error = await start.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof Error) || !('failure' in error))
    throw new Error('no StartError', { cause: error })
  return error.failure as { reason: string; message: string; log?: string[] }
}

/** False for zombies too: they hold nothing. */
export async function lives(pid: number): Promise<boolean> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    return !/\) [ZX]/.test(stat)
  } catch {
    return false
  }
}

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  await vi.waitFor(
    async () => {
      if (!(await condition())) throw new Error('not yet')
    },
    { timeout: 15_000, interval: 10 },
  )
}

/** The pids in a file that fixtures write, once there are as many. */
export async function pidsIn(file: string, count = 1): Promise<number[]> {
  let pids: number[] = []
  await until(async () => {
    if (!existsSync(file)) return false
    pids = (await readFile(file, 'utf8')).split('\n').filter(Boolean).map(Number)
    return pids.length >= count
  })
  // Whatever a test proves, nothing of it stays behind.
  onTestFinished(() => {
    for (const pid of pids) killIfThere(pid)
  })
  return pids
}

export function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended, as it should.
  }
}

/** Pid that an incarnation names. */
export function pidOf(incarnation: string | undefined): number {
  return Number.parseInt(incarnation ?? '', 10)
}
