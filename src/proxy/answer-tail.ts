/**
 * The usage stands at the end of an answer: behind it come a few short fields, or one or two short
 * events of a stream. Only this much of each of the last pieces is kept, bytes.
 */
const mostOfPiece = 2048
const pieces = 4
/** From the field's name on, characters. */
const mostOfUsage = 600

/** What an answer says that it took; a field that it does not tell is undefined. */
export interface TokenUsage {
  readonly promptTokens: number | undefined
  readonly completionTokens: number | undefined
  /** Of the prompt's, those that were found in the prefix cache. */
  readonly cachedTokens: number | undefined
}

const name = Buffer.from('"usage"')
const isObject = /^"usage"\s*:\s*\{/
const counts = {
  promptTokens: /"(?:prompt|input)_tokens"\s*:\s*(\d{1,15})/,
  completionTokens: /"(?:completion|output)_tokens"\s*:\s*(\d{1,15})/,
  cachedTokens: /"(?:cached_tokens|cache_read_input_tokens)"\s*:\s*(\d{1,15})/,
} as const

/** Keeps the last bytes of an answer, and reads nothing but numbers from them. */
export class AnswerTail {
  readonly #last: Buffer[] = []
  #next = 0

  data(chunk: Buffer): void {
    // A copy: the chunk may be a part of something large.
    const piece = chunk.length > mostOfPiece ? Buffer.from(chunk.subarray(-mostOfPiece)) : chunk
    this.#last[this.#next] = piece
    this.#next = (this.#next + 1) % pieces
  }

  /** Of all shapes of these APIs, whole or streamed; undefined where the answer does not tell it. */
  usage(): TokenUsage | undefined {
    const last = this.#last
    if (last.length === 0) return undefined
    const bytes =
      last.length === 1
        ? (last[0] as Buffer)
        : Buffer.concat([...last.slice(this.#next), ...last.slice(0, this.#next)])
    // Inside of a text that the model wrote, the quotation marks would be escaped.
    for (let at = bytes.lastIndexOf(name); at !== -1; at = bytes.lastIndexOf(name, at - 1)) {
      const told = bytes.toString('latin1', at, at + mostOfUsage)
      if (isObject.test(told)) return usageIn(told)
      if (at === 0) break
    }
    return undefined
  }
}

function usageIn(told: string): TokenUsage | undefined {
  const usage = {
    promptTokens: countIn(told, counts.promptTokens),
    completionTokens: countIn(told, counts.completionTokens),
    cachedTokens: countIn(told, counts.cachedTokens),
  }
  const tells = usage.promptTokens !== undefined || usage.completionTokens !== undefined
  return tells ? usage : undefined
}

function countIn(text: string, pattern: RegExp): number | undefined {
  const [, digits] = pattern.exec(text) ?? []
  return digits === undefined ? undefined : Number(digits)
}
