import type { Span } from './wire.ts'
import { stateWords } from './words.ts'

export interface Axis {
  readonly from: number
  readonly until: number
  readonly ticks: readonly { at: number; left: number }[]
}

/** Per cent of the axis. */
export interface Bar {
  readonly left: number
  readonly width: number
}

const steps = [60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000]
const mostTicks = 6
/** What lasted a moment is still seen. */
const leastWidth = 0.25

export function axisOf(until: number, lengthMs: number): Axis {
  const from = until - lengthMs
  const step = steps.find((ms) => lengthMs / ms <= mostTicks) ?? 3_600_000
  const ticks = []
  for (let at = Math.ceil(from / step) * step; at < until; at += step) {
    ticks.push({ at, left: (100 * (at - from)) / lengthMs })
  }
  return { from, until, ticks }
}

/** Undefined for what lies outside. */
export function barOf(from: string, to: string | null, axis: Axis): Bar | undefined {
  const begin = Math.max(axis.from, Date.parse(from))
  const end = to === null ? axis.until : Math.min(axis.until, Date.parse(to))
  if (end < axis.from || begin > axis.until) return undefined
  const scale = 100 / (axis.until - axis.from)
  const left = (begin - axis.from) * scale
  return { left, width: Math.min(100 - left, Math.max(leastWidth, (end - begin) * scale)) }
}

/** Neighbours that look the same are one: `creatingResources` and `scalingUp` are one load. */
export function mergedSpans(spans: readonly Span[]): Span[] {
  const merged: Span[] = []
  for (const span of spans) {
    const before = merged.at(-1)
    const isSame =
      before !== undefined &&
      before.model === span.model &&
      before.to === span.from &&
      stateWords(before.state).tone === stateWords(span.state).tone
    if (isSame) merged[merged.length - 1] = { ...span, from: before.from }
    else merged.push(span)
  }
  return merged
}

/** One of six colours; the same for as long as the models are the same. */
export function hueOf(model: string, models: readonly string[]): number {
  const index = models.toSorted().indexOf(model)
  return (index < 0 ? model.length : index) % 6
}
