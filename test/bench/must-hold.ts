import { names } from './contestants/index.ts'
import { difference, median, ratio } from './statistics.ts'
import { column, type Rounds } from './rounds.ts'
import type { Results } from './results.ts'

/** A promise about speed, and what was found. */
export interface Promised {
  readonly what: string
  readonly limit: number
  /** Whether more is better. */
  readonly atLeast: boolean
  readonly unit: '' | 'µs' | 'ms' | 'MB'
  readonly found: number
}

/** With `leniency` 2, half of what is promised will do. */
export function holds({ limit, atLeast, found }: Promised, leniency: number): boolean {
  return atLeast ? found >= limit / leniency : found <= limit * leniency
}

export function promises({ json, streams, bodies, aborts, held, waking }: Results): Promised[] {
  const at1 = json.get(1) as Rounds<{ p50Us: number }>
  const at32 = json.get(32) as NonNullable<ReturnType<(typeof json)['get']>>
  const sse = streams.get(200) as NonNullable<ReturnType<(typeof streams)['get']>>
  const rate = (name: string) => column(at32, name, (one) => one.perSecond)
  const cpuOf = (name: string) => column(at32, name, (one) => one.cpuUs)
  const p50 = (name: string) => column(at1, name, (one) => one.p50Us)
  const cpu = (name: string) => column(sse, name, (one) => one.cpuMs)
  const delay = (name: string) => column(sse, name, (one) => one.delayP99Us / 1000)
  const firstByte = (name: string) => column(sse, name, (one) => one.firstByteP50Us)
  const added = (name: string) => difference(firstByte(name), firstByte(names.direct))
  const big = bodies.find(({ size, position }) => size === 10_000_000 && position === 'first')
  const reached = (name: string) => (big ? column(big.rounds, name, (one) => one.reachedMs) : [])
  const aborted = aborts.get(names.chill)
  const { chill, nginx, direct, goTuned } = names
  const promise = (
    what: string,
    found: number,
    relation: '≥' | '≤',
    limit: number,
    unit: Promised['unit'] = '',
  ): Promised => ({ what, found, limit, unit, atLeast: relation === '≥' })
  const rates = 'requests/s at 32 connections ÷'
  return [
    promise(
      `${rates} Go with its default transport`,
      ratio(rate(chill), rate(names.goDefault)),
      '≥',
      3,
    ),
    promise(`${rates} Go, tuned`, ratio(rate(chill), rate(goTuned)), '≥', 1.4),
    promise(
      `${rates} h3 + the same forwarder, no logic`,
      ratio(rate(chill), rate(names.bare)),
      '≥',
      0.85,
    ),
    promise(`${rates} nginx`, ratio(rate(chill), rate(nginx)), '≥', 0.3),
    promise(
      'CPU per request, watched ÷ not watched, 32 connections',
      ratio(cpuOf(names.watched), cpuOf(chill)),
      '≤',
      1.1,
    ),
    promise('p50 at 1 connection beyond nginx', difference(p50(chill), p50(nginx)), '≤', 60, 'µs'),
    promise('CPU per event ÷ Go, tuned (200 streams)', ratio(cpu(chill), cpu(goTuned)), '≤', 1.3),
    promise(
      'p99 of an event, added (200 streams)',
      difference(delay(chill), delay(direct)),
      '≤',
      1.5,
      'ms',
    ),
    promise('p50 of a stream’s first byte, added ÷ nginx’s', added(chill) / added(nginx), '≤', 3.6),
    promise(
      'a client that leaves is known to the backend, at the latest',
      aborted && aborted.missed === 0 ? aborted.maxMs : Infinity,
      '≤',
      50,
      'ms',
    ),
    promise(
      'first byte of 10 MB at the backend, model first ÷ parse then send',
      ratio(reached(chill), reached(names.parse)),
      '≤',
      0.1,
    ),
    promise(
      `resident with ${held.requests} held requests`,
      held.residentBytes / 1e6,
      '≤',
      180,
      'MB',
    ),
    promise('a switch, beside stop and load', median(waking.switchAddedMs), '≤', 300, 'ms'),
    promise('readiness of a backend to the answer', median(waking.seenMs), '≤', 50, 'ms'),
  ]
}
