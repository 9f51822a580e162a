/** Where in a body something stands: offsets in bytes, the end excluded. */
export interface Span {
  readonly start: number
  readonly end: number
}

/**
 * Reads a body as it arrives and knows the model as soon as its bytes are here.
 * `push` and `end` throw a `ChillError`: `invalid_json` or `bad_request`.
 */
export interface BodyScanner {
  /** As the client wrote it; undefined while, or if, none is named. */
  readonly model: string | undefined
  /** Whether the client asked for a stream. */
  readonly stream: boolean
  /** Every place where the model is named. */
  readonly spans: readonly Span[]
  push(chunk: Buffer): void
  /** The body is whole. */
  end(): void
  /** The bytes that stand for `name` in such a place. */
  literal(name: string): Buffer
}

/** The body with `replacement` in each span; nothing is copied. */
export function replaceSpans(
  chunks: readonly Buffer[],
  spans: readonly Span[],
  replacement: Buffer,
): Buffer[] {
  const result: Buffer[] = []
  let offset = 0
  let next = 0
  for (const chunk of chunks) {
    let from = 0
    for (;;) {
      const span = spans[next]
      if (!span || span.start >= offset + chunk.length) {
        if (from < chunk.length) result.push(chunk.subarray(from))
        break
      }
      // A span may reach over several chunks; its bytes are dropped, the replacement goes in once.
      if (span.start >= offset) {
        if (span.start > offset + from) result.push(chunk.subarray(from, span.start - offset))
        result.push(replacement)
      }
      if (span.end > offset + chunk.length) break
      from = span.end - offset
      next++
    }
    offset += chunk.length
  }
  return result
}
