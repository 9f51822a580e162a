/** Above what the two clocks differ by at rest, ms. */
const corrected = 5

let drift = 0

/**
 * Unix time, ms, in fractions of a millisecond. The precise clock counts from the start of the program,
 * and so knows nothing of how the machine's time was put right since.
 */
export function unixMs(): number {
  const precise = performance.timeOrigin + performance.now()
  const off = Date.now() - precise
  if (Math.abs(off - drift) > corrected) drift = off
  return precise + drift
}
