/**
 * The known name that somebody most likely meant, or undefined when none is near. Case, `-` and `_`
 * do not count, so that `idle-timeout` finds `idleTimeout`.
 */
export function nearestName(given: string, known: Iterable<string>): string | undefined {
  const plainGiven = plain(given)
  let best: string | undefined
  // A third of the letters wrong is a typing error; more is another word.
  let bestDistance = Math.max(1, Math.floor(plainGiven.length / 3)) + 1
  for (const name of known) {
    const distance = editDistance(plainGiven, plain(name))
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

/** `; did you mean X?`, or nothing; to be put behind "unknown …". */
export function didYouMean(given: string, known: Iterable<string>, prefix = ''): string {
  const nearest = nearestName(given, known)
  return nearest === undefined ? '' : `; did you mean ${prefix}${nearest}?`
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_\s]/g, '')
}

/** Insertions, deletions, replacements and swaps of neighbours between the two. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      let least = Math.min(replaced, last[j]! + 1, row[j - 1]! + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, beforeLast[j - 2]! + 1)
      }
      row.push(least)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]!
}
