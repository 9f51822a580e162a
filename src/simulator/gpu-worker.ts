import { setTimeout as delay } from 'node:timers/promises'
import { takeGpuLock } from './gpu-lock.ts'

/** Said by the leader over the worker's stdin, one word a line. */
export type WorkerOrder = 'take' | 'release'

/** Said by the worker over its stdout. */
export type WorkerReport = 'taken' | 'released' | `busy ${number}`

/**
 * The body of the worker process: like vLLM's engine core it, not the server, holds the GPU.
 * It stays until its leader's end of the pipe closes, however the leader ended, and then for
 * `lingerMs` more. A SIGTERM sent to the whole group does not end it: the leader may be draining.
 */
export async function runGpuWorker(files: readonly string[], lingerMs: number): Promise<void> {
  process.on('SIGTERM', () => {})
  process.on('SIGINT', () => {})
  // The reader of our reports may be gone while we linger.
  process.stdout.on('error', () => {})
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
  process.stdin.setEncoding('utf8')
  for await (const orders of process.stdin) {
    for (const order of String(orders).split('\n')) {
      if (order === 'take') process.stdout.write(`${takeAll()}\n`)
      if (order === 'release') {
        releaseAll()
        process.stdout.write('released\n')
      }
    }
  }
  if (releases.length > 0) await delay(lingerMs)
  releaseAll()
}
