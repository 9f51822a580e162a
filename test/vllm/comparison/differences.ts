/** A place where two pictures differ. */
export interface Difference {
  /** `status`, `headers.vary`, `body.choices.0.logprobs`; numbers are places in a list. */
  readonly at: string
  readonly original: unknown
  readonly simulator: unknown
}

/** Where two values differ, as deep as they can be followed. */
export function differencesOf(original: unknown, simulator: unknown, at = ''): Difference[] {
  if (JSON.stringify(original) === JSON.stringify(simulator)) return []
  if (!isTree(original) || !isTree(simulator)) return [{ at, original, simulator }]
  if (Array.isArray(original) !== Array.isArray(simulator)) return [{ at, original, simulator }]
  const keys = new Set([...Object.keys(original), ...Object.keys(simulator)])
  return [...keys].flatMap((key) =>
    differencesOf(original[key], simulator[key], at === '' ? key : `${at}.${key}`),
  )
}

type Tree = Readonly<Record<string, unknown>>

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null
