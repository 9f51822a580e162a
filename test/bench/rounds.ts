import type { Contestant } from './contestants/index.ts'

/** What each round measured, by contestant. */
export type Rounds<T> = ReadonlyMap<string, readonly T[]>

/**
 * Everybody once per round, so that a machine that is busy for a while is so for all of them; the order
 * turns, so that nobody always follows the same one.
 */
export async function interleave<T>(
  contestants: readonly Contestant[],
  rounds: number,
  measure: (contestant: Contestant) => Promise<T>,
): Promise<Rounds<T>> {
  const results = new Map<string, T[]>(contestants.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    const first = round % contestants.length
    for (const contestant of [...contestants.slice(first), ...contestants.slice(0, first)])
      results.get(contestant.name)?.push(await measure(contestant))
  }
  return results
}

/** One number of each round. */
export function column<T>(
  rounds: Rounds<T>,
  name: string,
  value: (result: T) => number,
): readonly number[] {
  return (rounds.get(name) ?? []).map(value)
}
