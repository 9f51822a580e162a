import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { WorkerOrder, WorkerReport } from './gpu-worker.ts'

/** The simulated GPU memory, as the server sees it. */
export interface Gpu {
  /** Resolves to the process that has it instead, or undefined when it is ours. */
  take(): Promise<number | undefined>
  release(): Promise<void>
  /** Resolves when the worker has ended by itself, which vLLM does not survive. */
  readonly lost: Promise<void>
  /** Lets the worker go; waits for its end unless it lingers. */
  close(): Promise<void>
}

const noGpu: Gpu = {
  take: async () => undefined,
  release: async () => {},
  lost: new Promise(() => {}),
  close: async () => {},
}

/** Starts the worker that holds the lock files; without files there is no GPU to fight for. */
export function startGpu(files: readonly string[], lingerMs: number): Gpu {
  if (files.length === 0) return noGpu
  // Same process group and the same stderr, as vLLM's workers have: whoever waits for the group, or
  // for the end of the log, waits for the worker.
  const worker = spawn(process.execPath, [...workerEntry(), String(lingerMs), ...files], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(worker, 'exit')
  let closing = false
  const ask = async (order: WorkerOrder): Promise<WorkerReport> => {
    const answer = once(worker.stdout, 'data')
    worker.stdin.write(`${order}\n`)
    const report = await Promise.race([answer, exited.then(() => 'busy 0')])
    return String(report).trim() as WorkerReport
  }
  // Writing to a worker that was killed is not an error of ours: `lost` tells.
  worker.stdin.on('error', () => {})
  return {
    async take() {
      const report = await ask('take')
      return report.startsWith('busy ') ? Number(report.slice(5)) : undefined
    },
    async release() {
      await ask('release')
    },
    lost: exited.then(() => (closing ? new Promise<void>(() => {}) : undefined)),
    async close() {
      closing = true
      worker.stdin.end()
      if (lingerMs === 0) await exited
      else worker.unref()
    },
  }
}

/** In the checkout the worker is a file of this room; in the bundle it is the program itself. */
function workerEntry(): string[] {
  return import.meta.url.endsWith('.ts')
    ? [fileURLToPath(new URL('process.ts', import.meta.url)), '--gpu-worker']
    : [process.argv[1] ?? '', 'simulate', '--gpu-worker']
}
