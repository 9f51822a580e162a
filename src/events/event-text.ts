import type { EventBody } from './types.ts'

/** An event of the rings; its text is made when the first reader gets it. */
export interface Told {
  /** ms of the admission's clock. */
  readonly at: number
  readonly body: EventBody
  text: string | undefined
}

/** The lines `event` and `data`, and the empty one behind them. */
export function textOf(told: Told): string {
  return (told.text ??= eventText(told.at, told.body))
}

export function eventText(at: number, body: EventBody): string {
  // Put together by hand: with many requests a second, a copy with the time in it is most of the work.
  return `event: ${body.type}\ndata: {"at":"${isoTime(at)}",${JSON.stringify(body).slice(1)}\n\n`
}

let lastTime = { ms: -1, text: '' }

/** Many events fall into one millisecond. */
function isoTime(at: number): string {
  const ms = Math.floor(at)
  if (ms !== lastTime.ms) lastTime = { ms, text: new Date(ms).toISOString() }
  return lastTime.text
}

/** About what its text and the event itself take, without making the text. */
export function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 8
  let size = 16
  for (const key in value) {
    if (Object.hasOwn(value, key)) size += key.length + 4 + sizeOf(value[key as keyof typeof value])
  }
  return size
}
