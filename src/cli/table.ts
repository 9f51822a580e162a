import { columnsText } from './screen/index.ts'

/** Columns under their headings, two spaces apart, each as wide as its widest cell. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  return columnsText(
    headings.map((heading) => ({ heading })),
    rows,
  )
}

/** `850 ms`, `34 s`, `5 min 12 s`, `3 h 4 min`, `2 d 1 h`. */
export function inWords(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return pair(minutes, 'min', seconds % 60, 's')
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return pair(hours, 'h', minutes % 60, 'min')
  return pair(Math.floor(hours / 24), 'd', hours % 24, 'h')
}

function pair(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return `${big} ${bigUnit}${small > 0 ? ` ${small} ${smallUnit}` : ''}`
}

/** `312 B`, `1.5 kB`, `34 MB`. */
export function inBytes(bytes: number): string {
  return bytes < 1000 ? `${Math.round(bytes)} B` : short(bytes, ['kB', 'MB', 'GB', 'TB', 'PB'])
}

/** `7`, `950`, `1.2 k`, `34 M`: three digits at most, and no more than are known. */
export function inShort(count: number): string {
  if (count >= 1000) return short(count, ['k', 'M', 'G', 'T'])
  return count >= 100 || Number.isInteger(count) ? String(Math.round(count)) : count.toPrecision(2)
}

function short(count: number, units: readonly string[]): string {
  let rest = count / 1000
  let index = 0
  for (; rest >= 999.5 && index < units.length - 1; index++) rest /= 1000
  return `${rest < 9.95 ? rest.toFixed(1) : Math.round(rest)} ${units[index]}`
}
