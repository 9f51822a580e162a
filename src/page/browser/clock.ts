import { computed, signal } from '@preact/signals'

/** How far the server's clock is ahead of this one, ms. */
const ahead = signal(0)
const here = signal(Date.now())

/** The server's time of day, ms; moves twice a second while somebody looks. */
export const now = computed(() => here.value + ahead.value)

export function startClock(): void {
  const tick = () => {
    if (!document.hidden) here.value = Date.now()
  }
  setInterval(tick, 500)
  document.addEventListener('visibilitychange', tick)
}

/** Called with the time that stands in what the server says first on a new connection. */
export function learnServerTime(at: string): void {
  const difference = Date.parse(at) - Date.now()
  if (Number.isFinite(difference)) ahead.value = difference
}

export function serverNow(): number {
  return Date.now() + ahead.peek()
}
