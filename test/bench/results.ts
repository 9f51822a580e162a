import type { Rounds } from './rounds.ts'
import type { AbortsResult } from './measures/aborts.ts'
import type { BodiesResult } from './measures/bodies.ts'
import type { HeldResult } from './measures/held.ts'
import type { JsonResult } from './measures/json.ts'
import type { StreamsResult } from './measures/streams.ts'
import type { WakingResult } from './measures/waking.ts'

export type Position = 'first' | 'last'

/** All that a run has measured. */
export interface Results {
  /** By connections. */
  readonly json: ReadonlyMap<number, Rounds<JsonResult>>
  /** By streams. */
  readonly streams: ReadonlyMap<number, Rounds<StreamsResult>>
  readonly bodies: readonly {
    readonly size: number
    readonly position: Position
    readonly rounds: Rounds<BodiesResult>
  }[]
  /** By contestant. */
  readonly aborts: ReadonlyMap<string, AbortsResult>
  readonly held: HeldResult
  readonly waking: WakingResult
}
