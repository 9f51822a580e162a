export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return NaN
  const upper = sorted[middle] as number
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}

/** Distance between the quartiles over the median: the part of a number that is noise. */
export function spread(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] as number
  return (at(0.75) - at(0.25)) / median(values)
}

/** Of two that were measured in the same rounds: the median of what each round says of them. */
export function paired(
  a: readonly number[],
  b: readonly number[],
  compare: (a: number, b: number) => number,
): number {
  return median(a.map((value, round) => compare(value, b[round] as number)))
}

export const ratio = (a: readonly number[], b: readonly number[]): number =>
  paired(a, b, (x, y) => x / y)

export const difference = (a: readonly number[], b: readonly number[]): number =>
  paired(a, b, (x, y) => x - y)
