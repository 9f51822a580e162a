import type { EventReading } from '../operations/index.ts'
import type { Told } from './event-text.ts'
import type { Ring } from './ring.ts'

export interface Replay {
  /** Number of the last event that the reader has. */
  readonly after: number
  /** Some that came after it are gone. */
  readonly missed: boolean
}

interface Present extends Pick<EventReading, 'lastEventId' | 'last' | 'types'> {
  readonly epoch: number
  /** Of the newest event. */
  readonly number: number
}

/** Where a reader begins: behind the event that it had last, some events ago, or now. */
export function replayFrom(rings: readonly Ring<Told>[], present: Present): Replay {
  const { lastEventId, last, epoch, number } = present
  if (lastEventId === undefined) {
    return { after: last === undefined ? number : beforeLast(rings, last, present), missed: false }
  }
  const [, ofEpoch, ofNumber] = /^(\d+)-(\d+)$/.exec(lastEventId) ?? []
  const had = Number(ofNumber)
  // Of an earlier run, all that this one has told is new, and what the other told after it is gone.
  if (Number(ofEpoch) !== epoch || !(had <= number)) return { after: 0, missed: true }
  return { after: had, missed: rings.some((ring) => ring.lastDropped > had) }
}

/** Number of the event before the last so many that the reader wants. */
function beforeLast(
  rings: readonly Ring<Told>[],
  last: number,
  { types, number }: Present,
): number {
  const numbers: number[] = []
  for (const ring of rings) {
    for (let place = ring.first; place < ring.next; place++) {
      const kept = ring.at(place)
      if (kept && (types?.includes(kept.value.body.type) ?? true)) numbers.push(kept.number)
    }
  }
  numbers.sort((a, b) => a - b)
  const first = numbers.at(-last)
  if (last === 0 || numbers.length === 0) return number
  return (first ?? numbers[0]!) - 1
}
