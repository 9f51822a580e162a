import type { WarmWindow } from '../config/index.ts'
import { timetableOf } from './windows.ts'

/** What is to be kept warm now. */
export interface WarmWish {
  /** The same as long as the same window is open. */
  readonly id: string
  readonly model: string
  readonly backend: string | undefined
  /** `kept warm until 18:00` */
  readonly because: string
}

/** The clock on the wall, which may be set, and timers. */
export interface WallClock {
  /** Unix time, ms. */
  now(): number
  setTimeout(callback: () => void, ms: number): unknown
  clearTimeout(timer: unknown): void
}

export const wallClock: WallClock = {
  now: () => Date.now(),
  setTimeout: (callback, ms) => setTimeout(callback, ms).unref(),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
}

/** So long a clock that was set, or a machine that slept, goes unnoticed at most, ms. */
const lookAgainMs = 60_000

/**
 * Tells what is to be kept warm: at once, whenever a window opens or closes, and once a minute while one
 * is open, so that what failed or died is tried again. Without windows it does nothing.
 */
export function followSchedule(
  windows: readonly WarmWindow[],
  tell: (wishes: readonly WarmWish[]) => void,
  clock: WallClock = wallClock,
): { close(): void } {
  if (windows.length === 0) return { close() {} }
  const entries = windows.map((window, index) => ({ window, index, table: timetableOf(window) }))
  let timer: unknown
  let wasOpen = false

  const look = () => {
    const now = clock.now()
    const wishes = entries.flatMap(({ window, index, table }): WarmWish[] => {
      const open = table.openAt(now)
      if (!open) return []
      const { model, backend, timeZone } = window
      return [
        {
          id: `window ${index + 1} of ${new Date(open.since).toISOString()}`,
          model,
          backend,
          because:
            open.until === undefined
              ? 'kept warm'
              : `kept warm until ${timeInWords(open.until, now, timeZone)}`,
        },
      ]
    })
    if (wishes.length > 0 || wasOpen) tell(wishes)
    wasOpen = wishes.length > 0
    const changes = entries.flatMap(({ table }) => table.changeAfter(now) ?? [])
    const ms = Math.min(lookAgainMs, ...changes.map((at) => at - now))
    timer = clock.setTimeout(look, Math.max(1, ms))
  }
  look()
  return { close: () => clock.clearTimeout(timer) }
}

/** `18:00`, with the day where it is another one. */
function timeInWords(at: number, now: number, timeZone: string | undefined): string {
  const format = (time: number, options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat('en-GB', { timeZone, ...options }).format(time)
  const day = (time: number) => format(time, { dateStyle: 'short' })
  const time = format(at, { hour: '2-digit', minute: '2-digit' })
  if (day(at) === day(now)) return time
  return `${format(at, { weekday: 'short', day: 'numeric', month: 'short' })}, ${time}`
}
