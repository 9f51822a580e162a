import { describe, expect, it } from 'vitest'
import type { WarmWindow } from '../../../src/config/index.ts'
import { followSchedule, type WarmWish } from '../../../src/schedule/index.ts'
import { SimulatedClock } from '../admission/simulated-clock.ts'

const minute = 60_000
const hour = 60 * minute

/** A clock on the wall that begins at some time, and may be set. */
class Wall extends SimulatedClock {
  ahead: number

  constructor(at: string) {
    super()
    this.ahead = Date.parse(at) - super.now()
  }

  override now(): number {
    return super.now() + this.ahead
  }
}

const office: WarmWindow = {
  model: 'a',
  cron: '0 8 * * 1-5',
  for: '10h',
  timeZone: 'Europe/Berlin',
}

function follow(at: string, ...windows: WarmWindow[]) {
  const clock = new Wall(at)
  const told: { at: string; wishes: readonly WarmWish[] }[] = []
  const schedule = followSchedule(
    windows,
    (wishes) => told.push({ at: new Date(clock.now()).toISOString(), wishes }),
    clock,
  )
  return { clock, told, schedule, last: () => told.at(-1)?.wishes.map((each) => each.because) }
}

describe('the schedule', () => {
  it('without windows does nothing', () => {
    const { clock, told } = follow('2026-03-02T06:00:00Z')
    expect(told).toEqual([])
    expect(clock.pending).toBe(0)
  })

  it('tells of a window that is open when the program starts, at once', () => {
    const { told } = follow('2026-03-02T10:00:00Z', office)
    expect(told).toHaveLength(1)
    expect(told[0]!.wishes).toEqual([
      {
        id: 'window 1 of 2026-03-02T07:00:00.000Z',
        model: 'a',
        backend: undefined,
        because: 'kept warm until 18:00',
      },
    ])
  })

  it('tells when a window opens and closes, to the second, and is silent outside', async () => {
    const { clock, told, last } = follow('2026-03-02T04:30:20Z', office)
    await clock.pass(2 * hour)
    expect(told).toEqual([])
    await clock.pass(hour)
    expect(told[0]!.at).toBe('2026-03-02T07:00:00.000Z')
    await clock.pass(11 * hour)
    expect(told.at(-1)).toEqual({ at: '2026-03-02T17:00:00.000Z', wishes: [] })
    expect(last()).toEqual([])
    const count = told.length
    await clock.pass(10 * hour)
    expect(told).toHaveLength(count)
  })

  it('tells again each minute while a window is open, with the same id until the next', async () => {
    const { clock, told } = follow('2026-03-02T07:00:00Z', office)
    await clock.pass(5 * minute)
    expect(told).toHaveLength(6)
    const ids = () => new Set(told.flatMap(({ wishes }) => wishes.map(({ id }) => id)))
    expect(ids().size).toBe(1)
    await clock.pass(24 * hour)
    expect(ids().size).toBe(2)
  })

  it('notices within a minute that the clock was set', async () => {
    const { clock, told } = follow('2026-03-02T04:00:00Z', office)
    clock.ahead += 4 * hour
    await clock.pass(minute)
    expect(told).toHaveLength(1)
  })

  it('is right over the night in which the clocks change', async () => {
    const nights: WarmWindow = { ...office, cron: '0 22 * * *', for: '8h' }
    const { clock, told, last } = follow('2026-03-28T21:00:00Z', nights)
    expect(last()).toEqual(['kept warm until Sun 29 Mar, 07:00'])
    await clock.pass(3 * hour)
    expect(last()).toEqual(['kept warm until 07:00'])
    await clock.pass(5 * hour)
    expect(told.at(-1)).toEqual({ at: '2026-03-29T05:00:00.000Z', wishes: [] })
  })

  it('tells of all windows that are open, in their order, and of one that never closes', () => {
    const always: WarmWindow = {
      ...office,
      model: 'b',
      cron: '0 * * * *',
      for: '1h',
      backend: 'x',
    }
    const { told } = follow('2026-03-02T10:00:00Z', always, office)
    expect(told[0]!.wishes.map(({ model, backend, because }) => [model, backend, because])).toEqual(
      [
        ['b', 'x', 'kept warm'],
        ['a', undefined, 'kept warm until 18:00'],
      ],
    )
  })

  it('is silent once closed', async () => {
    const { clock, told, schedule } = follow('2026-03-02T10:00:00Z', office)
    schedule.close()
    await clock.pass(hour)
    expect(told).toHaveLength(1)
    expect(clock.pending).toBe(0)
  })
})
