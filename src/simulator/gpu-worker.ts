import type { Readable, Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { takeGpuLock } from './gpu-lock.ts'

/** Said by the leader over the worker's stdin, one word a line. */
export type WorkerOrder = 'take' | 'release'

/** Said by the worker over its stdout. */
export type WorkerReport = 'taken' | 'released' | `busy ${number}`

/**
 * The body of the worker process: like vLLM's engine core it, not the server, holds the GPU.
 * It stays until its leader's end of the pipe closes, however the leader ended, and then for
 * `lingerMs` more.
 */
export async function runGpuWorker(
  files: readonly string[],
  lingerMs: number,
  leader: { readonly orders: Readable; readonly reports: Writable },
): Promise<void> {
  let releases: (() => void)[] = []
  const releaseAll = () => {
    for (const release of releases) release()
    releases = []
  }
  const takeAll = (): WorkerReport => {
    for (const file of files) {
      const result = takeGpuLock(file)
      if ('heldBy' in result) {
        releaseAll()
        return `busy ${result.heldBy}`
      }
      releases.push(result.release)
    }
    return 'taken'
  }
  leader.orders.setEncoding('utf8')
  for await (const orders of leader.orders) {
    for (const order of String(orders).split('\n')) {
      if (order === 'take') leader.reports.write(`${takeAll()}\n`)
      if (order === 'release') {
        releaseAll()
        leader.reports.write('released\n')
      }
    }
  }
  if (releases.length > 0) await delay(lingerMs)
  releaseAll()
}
