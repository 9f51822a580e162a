import type { Tools } from '../tools.ts'

/** Somebody who forwards to the backend, or the backend itself. */
export interface Contestant {
  readonly name: string
  readonly url: string
  /** Processes whose CPU and memory count; none where nothing stands between. */
  readonly pids: readonly number[]
  end(): Promise<void>
}

/** What a contestant is started with. */
export interface Ground {
  readonly tools: Tools
  /** Of the backend. */
  readonly backend: string
  /** For its files. */
  readonly folder: string
}
