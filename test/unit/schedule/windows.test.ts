import { describe, expect, it } from 'vitest'
import type { WarmWindow } from '../../../src/config/index.ts'
import { timetableOf } from '../../../src/schedule/windows.ts'

function table(cron: string, hours: number, timeZone = 'Europe/Berlin') {
  const window: WarmWindow = { model: 'a', cron, for: `${hours}h`, timeZone }
  const { openAt, changeAfter } = timetableOf(window)
  const iso = (ms: number | undefined) =>
    ms === undefined ? undefined : new Date(ms).toISOString().slice(0, 16)
  return {
    open(at: string) {
      const open = openAt(Date.parse(at))
      return open && `${iso(open.since)} – ${iso(open.until)}`
    },
    change: (at: string) => iso(changeAfter(Date.parse(at))),
  }
}

describe('a window', () => {
  const office = table('0 8 * * 1-5', 10)

  it('is open from its begin, to the millisecond, until its end, which is not in it', () => {
    expect(office.open('2026-03-02T06:59:59.999Z')).toBeUndefined()
    expect(office.open('2026-03-02T07:00:00.000Z')).toBe('2026-03-02T07:00 – 2026-03-02T17:00')
    expect(office.open('2026-03-02T16:59:59.999Z')).toBe('2026-03-02T07:00 – 2026-03-02T17:00')
    expect(office.open('2026-03-02T17:00:00.000Z')).toBeUndefined()
  })

  it('says when it opens or closes next, over a weekend too', () => {
    expect(office.change('2026-03-02T06:00:00Z')).toBe('2026-03-02T07:00')
    expect(office.change('2026-03-02T07:00:00Z')).toBe('2026-03-02T17:00')
    expect(office.change('2026-03-06T17:00:00Z')).toBe('2026-03-09T07:00')
  })

  it('begins at eight on the wall before and after the clocks change', () => {
    expect(office.change('2026-03-27T18:00:00Z')).toBe('2026-03-30T06:00')
    expect(office.open('2026-03-30T06:00:00Z')).toBe('2026-03-30T06:00 – 2026-03-30T16:00')
    expect(office.change('2026-10-23T18:00:00Z')).toBe('2026-10-26T07:00')
  })

  it('is as long as it says, also in a night in which the clocks change', () => {
    const night = table('0 22 * * *', 8)
    // Eight hours on from ten in the evening: seven in the morning in spring, five in autumn.
    expect(night.open('2026-03-29T01:30:00Z')).toBe('2026-03-28T21:00 – 2026-03-29T05:00')
    expect(night.open('2026-03-29T05:00:00Z')).toBeUndefined()
    expect(night.open('2026-10-25T01:30:00Z')).toBe('2026-10-24T20:00 – 2026-10-25T04:00')
    expect(night.open('2026-10-25T04:00:00Z')).toBeUndefined()
  })

  it('begins once where its hour is left out, and once where it comes twice', () => {
    const early = table('30 2 * * *', 1)
    expect(early.change('2026-03-29T00:00:00Z')).toBe('2026-03-29T01:00')
    expect(early.change('2026-03-29T02:00:00Z')).toBe('2026-03-30T00:30')
    expect(early.change('2026-10-25T00:00:00Z')).toBe('2026-10-25T00:30')
    expect(early.change('2026-10-25T01:30:00Z')).toBe('2026-10-26T01:30')
  })

  it('goes on where the next begins before it closes', () => {
    const joined = table('0 8,12 * * *', 5, 'UTC')
    expect(joined.open('2026-03-02T09:00:00Z')).toBe('2026-03-02T08:00 – 2026-03-02T17:00')
    expect(joined.change('2026-03-02T09:00:00Z')).toBe('2026-03-02T17:00')
    expect(joined.open('2026-03-02T12:30:00Z')).toBe('2026-03-02T12:00 – 2026-03-02T17:00')
  })

  it('that never closes has no end', () => {
    const always = table('0 * * * *', 1, 'UTC')
    expect(always.open('2026-03-02T09:10:00Z')).toBe('2026-03-02T09:00 – undefined')
    expect(always.change('2026-03-02T09:10:00Z')).toBeUndefined()
  })
})
