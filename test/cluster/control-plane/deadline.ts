import { setTimeout as delay } from 'node:timers/promises'

export interface Deadline {
  /** Named in the error when it has passed. */
  readonly what: string
  readonly timeoutMs?: number
  readonly everyMs?: number
  /** Asked at each turn; throws when waiting has become pointless. */
  readonly giveUp?: () => void
}

/**
 * Polls until there is an answer. An error of `ask` counts as none, and is told if it was the last
 * word.
 *
 * @throws when the deadline has passed
 */
export async function eventually<T>(
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  { what, timeoutMs = 30_000, everyMs = 50, giveUp }: Deadline,
): Promise<T> {
  const endsAt = Date.now() + timeoutMs
  for (;;) {
    let problem: unknown
    try {
      const answer = await ask()
      if (answer !== undefined && answer !== false) return answer
    } catch (error) {
      problem = error
    }
    giveUp?.()
    if (Date.now() > endsAt) {
      throw new Error(`not within ${timeoutMs} ms: ${what}`, { cause: problem })
    }
    await delay(everyMs)
  }
}
