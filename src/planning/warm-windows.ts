import type { WarmWindow } from '../config/index.ts'
import { timetableOf } from '../schedule/index.ts'
import { median } from './trace.ts'
import type { Arrival, Workload } from './simulation.ts'

export interface When {
  readonly arrivals: readonly Arrival[]
  /** Unix time of the begin of the arrivals, ms. */
  readonly beganAt: number
  /** IANA name. */
  readonly timeZone: string
}

const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

/** From the hour in which a model is usually asked first to the one in which it is usually asked last, on the days it is asked. */
export function usualWindow(
  model: string,
  { arrivals, beganAt, timeZone }: When,
): WarmWindow | undefined {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    hourCycle: 'h23',
    weekday: 'short',
  })
  const days = new Map<string, number[]>()
  const asked = new Set<number>()
  for (const { at, model: name } of arrivals) {
    if (name !== model) continue
    const parts = Object.fromEntries(
      format.formatToParts(beganAt + at).map(({ type, value }) => [type, value]),
    )
    const day = `${parts['year']}-${parts['month']}-${parts['day']}`
    const hour = Number(parts['hour'])
    days.set(day, [...new Set([...(days.get(day) ?? []), hour])])
    asked.add(weekdays.indexOf(parts['weekday'] ?? ''))
  }
  if (days.size === 0) return undefined
  const hours = [...days.values()]
  const from = median(hours.map((each) => Math.min(...each)))
  const until = Math.max(from, median(hours.map((each) => Math.max(...each)))) + 1
  const cron = `0 ${from} * * ${asked.size === 7 ? '*' : daysInCron([...asked])}`
  return { model, cron, for: `${until - from}h`, timeZone }
}

/** `1-5` for a stretch, else `1,3`. */
function daysInCron(days: readonly number[]): string {
  const sorted = days.toSorted((a, b) => a - b)
  const [first = 0] = sorted
  const last = sorted.at(-1) ?? 0
  return sorted.length > 2 && last - first === sorted.length - 1
    ? `${first}-${last}`
    : sorted.join(',')
}

/** When such a window is open while the arrivals last, ms since their begin. */
export function openTimes(
  window: WarmWindow,
  { beganAt }: Pick<When, 'beganAt'>,
  untilMs: number,
): NonNullable<Workload['warm']> {
  const { openAt, changeAfter } = timetableOf(window)
  const times: { model: string; fromMs: number; untilMs: number }[] = []
  const end = beganAt + untilMs
  for (let at: number | undefined = beganAt; at !== undefined && at < end; at = changeAfter(at)) {
    const open = openAt(at)
    if (!open) continue
    const to = Math.min(open.until ?? end, end)
    times.push({ model: window.model, fromMs: at - beganAt, untilMs: to - beganAt })
  }
  return times
}
