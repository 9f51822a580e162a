import type { Contestant } from '../contestants/index.ts'
import { flagsOf, runClient } from '../processes.ts'
import type { Tools } from '../tools.ts'

/** ms between two events of a stream: 50 a second. */
const everyMs = 20
/** A stream lives for 1 s, so that begins of streams are measured too. */
const events = 50

/** Streams of 50 events a second each. */
export interface StreamsResult {
  readonly chunksPerSecond: number
  /** Of the proxy, ms per 1,000 events. */
  readonly cpuMs: number
  readonly firstByteP50Us: number
  readonly firstByteP99Us: number
  readonly delayP50Us: number
  readonly delayP99Us: number
}

interface Spread {
  readonly p50: number
  readonly p99: number
}

interface Told {
  readonly chunks: number
  readonly seconds: number
  readonly cpuSeconds: number
  readonly firstByteUs: Spread
  readonly delayUs: Spread
  readonly errors: number
  readonly firstError?: string
}

export async function measureStreams(
  { bench }: Tools,
  { name, url, pids }: Contestant,
  streams: number,
  seconds: number,
): Promise<StreamsResult> {
  const options = {
    url,
    streams,
    chunks: events,
    every: `${everyMs}ms`,
    warm: '1s',
    window: `${seconds}s`,
    pids: pids.join(','),
  }
  const told = await runClient<Told>([bench, 'streams', ...flagsOf(options)])
  if (told.errors > 0) throw new Error(`${name}: ${told.errors} streams failed: ${told.firstError}`)
  return {
    chunksPerSecond: told.chunks / told.seconds,
    cpuMs: (told.cpuSeconds / told.chunks) * 1e6,
    firstByteP50Us: told.firstByteUs.p50,
    firstByteP99Us: told.firstByteUs.p99,
    delayP50Us: told.delayUs.p50,
    delayP99Us: told.delayUs.p99,
  }
}
