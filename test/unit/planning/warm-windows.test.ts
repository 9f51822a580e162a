import { describe, expect, it } from 'vitest'
import { openTimes, usualWindow } from '../../../src/planning/warm-windows.ts'

const hour = 3_600_000
const beganAt = Date.parse('2026-03-27T00:00:00+01:00')

/** Arrivals of a at these times of Europe/Berlin. */
function asked(...times: readonly string[]) {
  const arrivals = times.map((time) => ({
    at: Date.parse(time) - beganAt,
    model: 'a',
    durationMs: 1,
  }))
  return { arrivals, beganAt, timeZone: 'Europe/Berlin' }
}

describe('the usual window of a model', () => {
  it('goes from the hour it is asked first to the one it is asked last, on the days it is asked', () => {
    const when = asked(
      '2026-03-27T08:50:00+01:00',
      '2026-03-27T17:10:00+01:00',
      '2026-03-30T08:10:00+02:00',
      '2026-03-30T17:59:00+02:00',
      '2026-03-31T11:10:00+02:00',
      '2026-03-31T17:30:00+02:00',
    )
    expect(usualWindow('a', when)).toEqual({
      model: 'a',
      cron: '0 8 * * 1,2,5',
      for: '10h',
      timeZone: 'Europe/Berlin',
    })
    expect(usualWindow('b', when)).toBeUndefined()
  })

  it('names a stretch of days shortly, and all days not at all', () => {
    const days = ['02', '03', '04', '05', '06', '07', '08']
    const at = (day: string) => `2026-03-${day}T12:00:00+01:00`
    expect(usualWindow('a', asked(...days.slice(0, 5).map(at)))?.cron).toBe('0 12 * * 1-5')
    expect(usualWindow('a', asked(...days.map(at)))?.cron).toBe('0 12 * * *')
  })

  it('is open when the real schedule has it open, over the change of the clocks', () => {
    const window = { model: 'a', cron: '0 8 * * *', for: '2h', timeZone: 'Europe/Berlin' }
    expect(openTimes(window, { beganAt }, 80 * hour)).toEqual(
      [8, 32, 55, 79].map((from) => ({
        model: 'a',
        fromMs: from * hour,
        untilMs: Math.min(80, from + 2) * hour,
      })),
    )
  })
})
