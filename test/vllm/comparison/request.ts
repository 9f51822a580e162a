/** One request that goes to the original and to the simulator. */
export interface ComparedRequest {
  /** What it tries; unique. */
  readonly name: string
  readonly path: string
  readonly method?: string
  /** Sent as JSON. */
  readonly body?: unknown
  /** Sent as it stands, instead of `body`. */
  readonly raw?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** The name both servers serve the small model by. */
export const model = 'small'
/** Both servers' `--max-model-len`, tokens. */
export const contextTokens = 512

/** Ends both after the same few tokens: the words of a model with random weights mean nothing. */
export const few = { max_tokens: 4, ignore_eos: true, temperature: 0 }

export const hi = [{ role: 'user', content: 'hi' }]

/** A prompt that no context of this test holds. */
export const tooLong = 'much too long '.repeat(contextTokens)

export const weather = {
  type: 'function',
  function: {
    name: 'weather',
    description: 'Weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
}

/** Requests to one path; each row is a name and the fields it adds to `base`. */
export function posts(
  path: string,
  base: object,
  rows: Readonly<Record<string, object>>,
): ComparedRequest[] {
  return Object.entries(rows).map(([name, fields]) => ({
    name: `${path}: ${name}`,
    path,
    body: { ...base, ...fields },
  }))
}
