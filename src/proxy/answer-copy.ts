/** Bytes of an answer that are kept for the log. */
const mostKept = 64 * 1024

/** What goes by of an answer, where the log is to have it (`logOutput`). */
export class AnswerCopyist {
  readonly #kept: Buffer[] = []
  #bytes = 0

  data(chunk: Buffer): void {
    const room = mostKept - this.#bytes
    this.#bytes += chunk.length
    // A copy: the chunk may be a part of something large.
    if (room > 0) this.#kept.push(Buffer.from(chunk.subarray(0, room)))
  }

  get text(): string {
    return Buffer.concat(this.#kept).toString()
  }

  get isWhole(): boolean {
    return this.#bytes <= mostKept
  }
}
