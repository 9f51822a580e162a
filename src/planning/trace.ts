import { readTraceLine } from './trace-line.ts'
import type { Arrival } from './simulation.ts'

export interface Trace {
  /** In order, in ms since the first. */
  readonly arrivals: readonly Arrival[]
  /** Unix time of the first arrival, ms; undefined where the trace counts seconds from its begin. */
  readonly beganAt: number | undefined
  /** Loads that the log tells of, ms, by model. */
  readonly loadsMs: ReadonlyMap<string, readonly number[]>
  /** Requests whose duration is not in the trace: they take what is usual for their model. */
  readonly guessed: number
  /** Lines of a log that are about something else. */
  readonly others: number
}

export interface TraceOptions {
  /** How a message calls the trace. */
  readonly name: string
  /** Served name of what a request names; undefined where nobody knows it. */
  readonly servedName: (model: string) => string | undefined
  readonly knownModels: readonly string[]
  readonly msPerToken: number
}

/** What is wrong with a trace, in words for the person. */
export class TraceError extends Error {
  override readonly name = 'TraceError'
}

/** Where nothing else is known: a conversation's answer. */
const usualRequestMs = 8_000
/** Before it, a number cannot be a Unix time in ms. */
const year2000 = Date.UTC(2000, 0, 1)

/** @throws TraceError that names the line */
export async function readTrace(
  lines: AsyncIterable<string> | Iterable<string>,
  { name, servedName, knownModels, msPerToken }: TraceOptions,
): Promise<Trace> {
  const found: { at: number; model: string; durationMs: number | undefined }[] = []
  const loadsMs = new Map<string, number[]>()
  const begunMs = new Map<string, number>()
  let number = 0
  let others = 0
  for await (const text of lines) {
    number++
    if (text.trim() === '') continue
    const line = readTraceLine(text, msPerToken)
    if (line.is === 'wrong') throw new TraceError(`${name}: line ${number} ${line.why}`)
    if (line.is === 'other') others++
    if (line.is === 'request') {
      const model = servedName(line.model)
      if (model === undefined) {
        const known = knownModels.join(', ')
        throw new TraceError(
          `${name}: line ${number}: no manifest names model ${line.model}; known: ${known}`,
        )
      }
      found.push({ at: line.at, model, durationMs: line.durationMs })
    }
    if (line.is === 'load step') {
      const model = servedName(line.model)
      const { backend, ms } = line
      const before = begunMs.get(backend) ?? 0
      if (line.state === 'begun') begunMs.set(backend, ms)
      else begunMs.delete(backend)
      if (line.state === 'begun' || model === undefined) continue
      loadsMs.set(model, [...(loadsMs.get(model) ?? []), before + ms])
    }
  }
  if (found.length === 0) {
    const why = others > 0 ? `has no request for a model in its ${others} line(s)` : 'is empty'
    throw new TraceError(`${name}: ${why}; a line is {"at": …, "model": …, "durationMs": …}`)
  }
  found.sort((a, b) => a.at - b.at)
  const first = found[0]!.at
  if (first < year2000 !== found.at(-1)!.at < year2000) {
    throw new TraceError(`${name}: \`at\` is in seconds in some lines and a time in others`)
  }
  const usual = usualDurations(found)
  return {
    arrivals: found.map(({ at, model, durationMs }) => ({
      at: Math.round(at - first),
      model,
      durationMs: Math.round(durationMs ?? usual.get(model) ?? usualRequestMs),
    })),
    beganAt: first < year2000 ? undefined : first,
    loadsMs,
    guessed: found.filter(({ durationMs }) => durationMs === undefined).length,
    others,
  }
}

/** The median of each model's. */
function usualDurations(
  found: readonly { model: string; durationMs: number | undefined }[],
): Map<string, number> {
  const all = Map.groupBy(found, ({ model }) => model)
  const usual = new Map<string, number>()
  for (const [model, requests] of all) {
    const known = requests.flatMap(({ durationMs }) => durationMs ?? [])
    if (known.length > 0) usual.set(model, median(known))
  }
  return usual
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
