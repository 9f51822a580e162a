import type { Contestant } from '../contestants/index.ts'
import { flagsOf, forgetPeak, memoryOf, runClient } from '../processes.ts'
import type { Tools } from '../tools.ts'

/** Requests with a picture in them. */
export interface BodiesResult {
  readonly totalMs: number
  /** Until its first byte is at the backend. */
  readonly reachedMs: number
  /** By how much memory was above what it was before, at its peak, with 8 clients at once. */
  readonly grownBytes: number
}

interface Told {
  readonly totalMs: { readonly p50: number }
  readonly reachedMs: { readonly p50: number }
  readonly errors: number
  readonly firstError?: string
}

const clientsForMemory = 8

export async function measureBodies(
  { bench }: Tools,
  { name, url, pids }: Contestant,
  size: number,
  position: 'first' | 'last',
): Promise<BodiesResult> {
  const send = async (clients: number, count: number) => {
    const options = { url, size, position, clients, count }
    const told = await runClient<Told>([bench, 'bodies', ...flagsOf(options)])
    if (told.errors > 0) throw new Error(`${name}: ${told.firstError}`)
    return told
  }
  const one = await send(1, size > 1e6 ? 8 : 200)
  const before = memoryOf(pids, 'VmRSS')
  forgetPeak(pids)
  await send(clientsForMemory, 3)
  return {
    totalMs: one.totalMs.p50,
    reachedMs: one.reachedMs.p50,
    grownBytes: Math.max(0, memoryOf(pids, 'VmHWM') - before),
  }
}
