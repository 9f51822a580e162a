import { median, type Trace } from './trace.ts'
import type { PlannedModel } from './trials.ts'

/** The middle of what users report for one GPU, ms; the policy begins with the same. */
const usualLoadMs = 40_000

/** What a load of a model takes: as given, else as the log tells, else the mean of the others, else what is usual. */
export function loadTimes(
  models: readonly string[],
  givenMs: ReadonlyMap<string, number>,
  { loadsMs }: Pick<Trace, 'loadsMs'>,
): ReadonlyMap<string, PlannedModel['load']> {
  const loads = new Map<string, PlannedModel['load']>()
  for (const model of models) {
    const given = givenMs.get(model)
    const measured = loadsMs.get(model)
    if (given !== undefined) loads.set(model, { ms: given, source: 'given' })
    else if (measured) loads.set(model, { ms: Math.round(median(measured)), source: 'measured' })
  }
  const known = [...loads.values()].map(({ ms }) => ms)
  const mean = known.reduce((sum, ms) => sum + ms, 0) / known.length
  const ms = known.length > 0 ? Math.round(mean) : usualLoadMs
  for (const model of models) {
    if (!loads.has(model)) loads.set(model, { ms, source: 'guessed' })
  }
  return loads
}
