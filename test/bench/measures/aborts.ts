import type { Contestant } from '../contestants/index.ts'
import { flagsOf, runClient } from '../processes.ts'
import type { Tools } from '../tools.ts'

/** Clients that leave in mid-stream. */
export interface AbortsResult {
  readonly p50Ms: number
  readonly maxMs: number
  /** The backend worked on, a second later. */
  readonly missed: number
}

interface Told {
  readonly reachedMs: { readonly p50: number; readonly max: number }
  readonly missed: number
}

export async function measureAborts(
  { bench }: Tools,
  { url }: Contestant,
  count: number,
): Promise<AbortsResult> {
  const told = await runClient<Told>([bench, 'aborts', ...flagsOf({ url, count })])
  return { p50Ms: told.reachedMs.p50, maxMs: told.reachedMs.max, missed: told.missed }
}
