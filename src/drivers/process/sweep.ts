import { rmSync } from 'node:fs'
import type { DriverLog } from './options.ts'
import { ProcessGroup } from './process-group.ts'
import { readStates, removeDrafts, removeState, type BackendState } from './state-file.ts'

export interface SweepOptions {
  readonly stateDir: string
  /** From SIGTERM to SIGKILL, ms. */
  readonly graceMs: number
  readonly signal: AbortSignal
  readonly log: DriverLog
}

/**
 * Ends what a dead predecessor left, of every backend it had: one that is no longer configured can
 * still hold the GPU that another is about to use. Resolves when nobody of it is left.
 */
export async function sweep(options: SweepOptions): Promise<void> {
  const { states, broken } = readStates(options.stateDir)
  for (const file of broken) {
    options.log.warn({ file }, 'a state file that cannot be read: what it was about is not swept')
    rmSync(file, { force: true })
  }
  removeDrafts(options.stateDir)
  await Promise.all(states.map((state) => sweepOne(state, options)))
}

async function sweepOne(state: BackendState, options: SweepOptions): Promise<void> {
  const { stateDir, graceMs, signal, log } = options
  const { backend, model, marker, leader } = state
  const group = new ProcessGroup({ marker, leader })
  const { inGroup, strays } = await group.members()
  if (inGroup.length + strays.length > 0) {
    const about = { backend, model, processes: [...inGroup, ...strays] }
    log.warn(about, 'an earlier run left this backend behind: ending it')
    await group.end({
      graceMs,
      signal,
      onKill: () => log.warn(about, `not gone ${graceMs} ms after SIGTERM: SIGKILL`),
    })
  }
  removeState(stateDir, backend)
}
