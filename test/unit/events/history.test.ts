import { describe, expect, it } from 'vitest'
import { createHistory } from '../../../src/events/history.ts'
import { SimulatedClock } from '../admission/simulated-clock.ts'
import { backendStatus } from '../operations/fakes.ts'

function start(bounds?: { keptMs: number; most: number }) {
  const clock = new SimulatedClock()
  const begun = clock.now()
  const history = createHistory(clock, bounds)
  let state = 'cold'
  const since = new Date(begun).toISOString()
  history.attach({ status: () => [backendStatus({ name: 'gpu0', state: 'cold', since })] })
  let enteredAt = begun
  const go = (to: string, model?: string) => {
    const afterMs = clock.now() - enteredAt
    const why = { event: '', because: '', generation: 1, target: undefined }
    history.onTransition({ backend: 'gpu0', from: state, to, model, afterMs, ...why })
    state = to
    enteredAt = clock.now()
  }
  /** Seconds since the start. */
  const seconds = (time: string | null) =>
    time === null ? null : (Date.parse(time) - begun) / 1_000
  const spans = (from?: number) =>
    history
      .read(from)
      .backends[0]!.spans.map(({ state, model, from, to }) =>
        [state, model, seconds(from), seconds(to)].filter((part) => part !== undefined),
      )
  const waits = (from?: number) =>
    history
      .read(from)
      .waits.map(({ model, from, to, peak }) => [model, seconds(from), seconds(to), peak])
  return { clock, history, begun, go, spans, waits }
}

describe('the history', () => {
  it('tells of a backend that never moved since when it is so', async () => {
    const { clock, spans } = start()
    await clock.pass(60_000)
    expect(spans()).toEqual([['cold', 0, null]])
  })

  it('has each state from its beginning to its end', async () => {
    const { clock, go, spans } = start()
    await clock.pass(10_000)
    go('scalingUp', 'a')
    await clock.pass(30_000)
    go('ready.serving', 'a')
    expect(spans()).toEqual([
      ['cold', 0, 10],
      ['scalingUp', 'a', 10, 40],
      ['ready.serving', 'a', 40, null],
    ])
  })

  it('tells no pause of less than five seconds between requests', async () => {
    const { clock, go, spans } = start()
    for (const pause of [1_000, 4_900, 5_000]) {
      go('ready.serving', 'a')
      await clock.pass(1_000)
      go('ready.quiet', 'a')
      await clock.pass(pause)
    }
    expect(spans()).toEqual([
      ['ready.serving', 'a', 0, 8.9],
      ['ready.quiet', 'a', 8.9, null],
    ])
    go('ready.serving', 'a')
    expect(spans().at(-1)).toEqual(['ready.serving', 'a', 13.9, null])
  })

  it('tells who waited, with the most at once, and joins what is close together', async () => {
    const { clock, history, waits } = start()
    for (const count of [1, 3, 2]) history.onWaiting('a', count)
    await clock.pass(2_000)
    history.onWaiting('b', 1)
    history.onWaiting('a', 0)
    await clock.pass(4_000)
    history.onWaiting('a', 5)
    await clock.pass(1_000)
    history.onWaiting('a', 0)
    history.onWaiting('a', 0)
    await clock.pass(5_000)
    history.onWaiting('a', 1)
    expect(waits()).toEqual([
      ['a', 0, 7, 5],
      ['b', 2, null, 1],
      ['a', 12, null, 1],
    ])
  })

  it('leaves out what had ended before it is asked for', async () => {
    const { clock, history, go, spans, waits, begun } = start()
    history.onWaiting('a', 1)
    await clock.pass(10_000)
    go('scalingUp', 'a')
    history.onWaiting('a', 0)
    await clock.pass(10_000)
    expect(spans(begun + 15_000)).toEqual([['scalingUp', 'a', 10, null]])
    expect(waits(begun + 15_000)).toEqual([])
    expect(history.read(begun - 60_000).since).toBe(new Date(begun).toISOString())
  })

  it('is bounded: what lies close together is joined first, then the oldest goes', async () => {
    const { clock, history, go } = start({ keptMs: 3_600_000, most: 100 })
    for (let i = 0; i < 10_000; i++) {
      go('ready.serving', 'a')
      await clock.pass(1_000)
      go('ready.quiet', 'a')
      await clock.pass(7_000)
    }
    const { spans } = history.read().backends[0]!
    expect(spans.length).toBeLessThanOrEqual(100)
    // Coarser now, it still knows of the whole last hour.
    expect(Date.parse(spans[0]!.from)).toBeLessThanOrEqual(clock.now() - 3_600_000)
    for (let i = 0; i < 1_000; i++) {
      go('scalingUp', `m${i}`)
      await clock.pass(1_000)
    }
    expect(history.read().backends[0]!.spans.length).toBeLessThanOrEqual(100)
    expect(history.read().backends[0]!.spans.at(-1)).toMatchObject({ model: 'm999', to: null })
  })
})
