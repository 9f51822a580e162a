import { Cron } from 'croner'
import { parseDuration, type WarmWindow } from '../config/index.ts'

/** A window as it is open at some moment. Unix time, ms. */
export interface OpenWindow {
  readonly since: number
  /** Undefined: as long as one can see, each begins before the last one closes. */
  readonly until: number | undefined
}

/** A window that closes at all does so after fewer. */
const joinedAtMost = 60

export interface Timetable {
  /** Undefined while it is closed. */
  readonly openAt: (now: number) => OpenWindow | undefined
  /** When it opens or closes next after `now`; undefined: never. */
  readonly changeAfter: (now: number) => number | undefined
}

/** When a window is open. Its begin follows the clock on the wall, its length the time that passes. */
export function timetableOf({ cron, timeZone, for: length }: WarmWindow): Timetable {
  const forMs = parseDuration(length) ?? 0
  const begins = new Cron(cron, {
    paused: true,
    mode: '5-part',
    ...(timeZone !== undefined && { timezone: timeZone }),
  })
  const nextBegin = (after: number) => begins.nextRun(new Date(after))?.getTime()

  function openAt(now: number): OpenWindow | undefined {
    // What begins in this very millisecond has begun.
    const since = begins.previousRuns(1, new Date(now + 1))[0]?.getTime()
    if (since === undefined || now >= since + forMs) return undefined
    // One that begins before it would close goes on as if it were the same.
    let until = since + forMs
    for (let joined = 0, begin = since; joined < joinedAtMost; joined++) {
      const next = nextBegin(begin)
      if (next === undefined || next > until) return { since, until }
      begin = next
      until = next + forMs
    }
    return { since, until: undefined }
  }

  return {
    openAt,
    changeAfter: (now) => {
      const open = openAt(now)
      return open ? open.until : nextBegin(now)
    },
  }
}
