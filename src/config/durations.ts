const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const
const part = /(\d+(?:\.\d+)?)(ms|s|m|h)/g
const whole = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/

/** Node's timers fire at once beyond 2^31 - 1 ms, so nothing longer is accepted. */
export const longestDurationMs = 24 * 24 * unitMs.h

/** The written form, as a JSON schema pattern; `parseDuration` also checks the length. */
export const durationPattern = String.raw`^(0|(\d+(\.\d+)?(ms|s|m|h))+)$`

/** `500ms`, `30s`, `5m`, `1h30m` or `0` in ms; undefined when it is none of these or over 24 days. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0
  if (!whole.test(text)) return undefined
  let ms = 0
  for (const [, count, unit] of text.matchAll(part)) {
    ms += Number(count) * unitMs[unit as keyof typeof unitMs]
  }
  const rounded = Math.round(ms)
  return rounded <= longestDurationMs ? rounded : undefined
}

/** The shortest text that `parseDuration` reads as the same number of ms. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0'
  let rest = ms
  let text = ''
  for (const unit of ['h', 'm', 's', 'ms'] as const) {
    const count = Math.floor(rest / unitMs[unit])
    if (count > 0) text += `${count}${unit}`
    rest -= count * unitMs[unit]
  }
  return text
}
