const msPerS = 1_000

let second = Number.NaN
let upToSecond = ''

/** ISO 8601 of the epoch, ms; of a second that was asked for before, it only writes the milliseconds. */
export function isoTime(epochMs: number): string {
  const now = Math.floor(epochMs / msPerS)
  if (now !== second) {
    second = now
    upToSecond = new Date(now * msPerS).toISOString().slice(0, -4)
  }
  return `${upToSecond}${String(epochMs - now * msPerS).padStart(3, '0')}Z`
}
