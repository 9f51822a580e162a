import { expect, it } from 'vitest'
import { lastLoadMs } from '../../../src/page/browser/last-load.ts'
import { axisOf, barOf, hueOf, mergedSpans } from '../../../src/page/browser/timeline-scale.ts'
import type { HistoryAnswer, Span } from '../../../src/page/browser/wire.ts'

const at = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1_000).toISOString()
const span = (state: string, from: number, to: number | null, model?: string): Span => ({
  state,
  from: at(from),
  to: to === null ? null : at(to),
  ...(model !== undefined && { model }),
})
const history = (...spans: Span[]): HistoryAnswer => ({
  since: at(0),
  until: at(100),
  backends: [{ backend: 'vllm', spans }],
  waits: [],
})

it('what looks the same is one bar', () => {
  const merged = mergedSpans([
    span('creatingResources', 0, 1, 'a'),
    span('scalingUp', 1, 9, 'a'),
    span('ready.quiet', 9, 12, 'a'),
    span('scalingUp', 12, 20, 'b'),
  ])
  expect(merged).toEqual([
    span('scalingUp', 0, 9, 'a'),
    span('ready.quiet', 9, 12, 'a'),
    span('scalingUp', 12, 20, 'b'),
  ])
})

it('a bar is cut where the axis ends, and left out beyond it', () => {
  const axis = axisOf(Date.parse(at(100)), 50_000)
  expect(barOf(at(0), at(60), axis)).toEqual({ left: 0, width: 20 })
  expect(barOf(at(75), null, axis)).toEqual({ left: 50, width: 50 })
  expect(barOf(at(0), at(40), axis)).toBeUndefined()
  expect(barOf(at(60), at(60), axis)?.width).toBeGreaterThan(0)
})

it('ticks stand at whole minutes, at most six', () => {
  const { ticks } = axisOf(Date.UTC(2026, 0, 1, 12, 0, 30), 5 * 60_000)
  expect(ticks).toHaveLength(5)
  expect(ticks.every((tick) => tick.at % 60_000 === 0)).toBe(true)
})

it('a model keeps its colour', () => {
  expect(hueOf('b', ['c', 'b', 'a'])).toBe(1)
  expect(hueOf('gone', ['a'])).toBeLessThan(6)
})

it('the last load counts from its first work until ready, and one that failed does not count', () => {
  const past = history(
    span('creatingResources', 0, 1, 'a'),
    span('scalingUp', 1, 9, 'a'),
    span('ready.serving', 9, 12, 'a'),
    span('creatingResources', 20, 21, 'a'),
    span('scalingUp', 21, 30, 'a'),
    span('idle.scalingDown', 30, 31, 'a'),
  )
  expect(lastLoadMs(past, 'a')).toBe(9_000)
  expect(lastLoadMs(past, 'b')).toBeUndefined()
  expect(lastLoadMs(undefined, 'a')).toBeUndefined()
})
