/**
 * `wrong`: does not work so. `note`: works, and somebody should know. `unknown`: could not be looked at,
 * mostly for lack of rights.
 */
export type Verdict = 'ok' | 'note' | 'wrong' | 'unknown'

/** One thing that was looked at. */
export interface Check {
  /** `Deployment vllm` */
  readonly what: string
  readonly verdict: Verdict
  /** How it is, as a half sentence: `is there and ours`. */
  readonly found: string
  /** What to do about it, as a sentence without its end. */
  readonly todo?: string
}

export const ok = (what: string, found: string): Check => ({ what, verdict: 'ok', found })

export const note = (what: string, found: string, todo?: string): Check => ({
  what,
  verdict: 'note',
  found,
  ...(todo !== undefined && { todo }),
})

export const wrong = (what: string, found: string, todo: string): Check => ({
  what,
  verdict: 'wrong',
  found,
  todo,
})

export const unknown = (what: string, found: string, todo?: string): Check => ({
  ...note(what, found, todo),
  verdict: 'unknown',
})

/** `Deployment vllm: is not there; make it, or …` */
export function checkInWords({ what, found, todo }: Check): string {
  return `${what}: ${found}${todo === undefined ? '' : `; ${todo}`}`
}

/** What keeps the program from working, one line each; undefined when nothing does. */
export function refusalOf(checks: readonly Check[]): string | undefined {
  const reasons = checks.filter(({ verdict }) => verdict === 'wrong').map(checkInWords)
  return reasons.length === 0 ? undefined : reasons.join('\n')
}
