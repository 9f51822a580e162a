import type { HistoryAnswer } from './wire.ts'

/** How long the last load of a model took, from the first work on it until it was ready; ms. */
export function lastLoadMs(history: HistoryAnswer | undefined, model: string): number | undefined {
  let latest: { at: number; ms: number } | undefined
  for (const { spans } of history?.backends ?? []) {
    let began: number | undefined
    for (const span of spans) {
      const from = Date.parse(span.from)
      if (span.model !== model) began = undefined
      else if (span.state === 'creatingResources') began = from
      else if (span.state === 'scalingUp') began ??= from
      else if (span.state.startsWith('ready') && began !== undefined) {
        if (latest === undefined || from > latest.at) latest = { at: from, ms: from - began }
        began = undefined
      } else began = undefined
    }
  }
  return latest?.ms
}
