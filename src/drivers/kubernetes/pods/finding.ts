import type { FailureReason } from '../../../../machines/index.ts'
import type { PodFailure } from './types.ts'

/** What one look at one thing tells: that it cannot work, or what it waits for. */
export interface Finding {
  readonly failure?: PodFailure
  /** In words, where a wait is unusual. */
  readonly progress?: string
  /** It waits for room that another backend of this program may hold. */
  readonly isShort?: boolean
  /** When time alone changes the answer, ms. */
  readonly recheckInMs?: number
}

export function failed(
  reason: FailureReason,
  message: string,
  wantsLog?: PodFailure['wantsLog'],
): Finding {
  return { failure: { failure: { reason, message }, ...(wantsLog && { wantsLog }) } }
}

/** What somebody else said, and then our own words: as a sentence of its own where theirs has ended. */
export function andThen(said: string, words: string): string {
  const text = said.trim()
  if (!text.endsWith('.')) return `${text}; ${words}`
  return `${text} ${words.charAt(0).toUpperCase()}${words.slice(1)}`
}
