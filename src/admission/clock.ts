/** Time as admission and the charts see it; a simulated one drives the tests. */
export interface Clock {
  /** ms, monotonic: steps of the wall clock must not end or prolong anybody's wait. */
  now(): number
  setTimeout(callback: () => void, ms: number): unknown
  clearTimeout(timer: unknown): void
}

/** Node fires at once what is later; nobody notices whether a wait of weeks is a day shorter. */
const longestTimerMs = 2 ** 31 - 1

/** Starts at the wall clock's time, so that its values can be shown as dates. */
export const systemClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  setTimeout: (callback, ms) => setTimeout(callback, Math.min(ms, longestTimerMs)),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
}
