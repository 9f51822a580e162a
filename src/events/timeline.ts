/** Times in ms; `to` is null while it goes on. */
export interface Span {
  readonly from: number
  to: number | null
}

/**
 * Makes one of the newest span and what is before it, where no more than so much lies between; returns
 * the span that the newest is now, or is a part of.
 */
export type Join<T extends Span> = (spans: T[], apartMs: number) => T

/** Shorter pauses are not told. */
const finestMs = 5_000
const coarsestMs = 300_000

/** Spans in order of their beginning, bounded: too many get coarser first, then the oldest go. */
export class Timeline<T extends Span> {
  readonly #most: number
  readonly #keptMs: number
  readonly #join: Join<T>
  #spans: T[] = []
  #apartMs = finestMs

  constructor(bounds: { readonly most: number; readonly keptMs: number }, join: Join<T>) {
    this.#most = bounds.most
    this.#keptMs = bounds.keptMs
    this.#join = join
  }

  /** The newest. */
  get last(): T | undefined {
    return this.#spans.at(-1)
  }

  /** Returns the span that goes on with it, which may be an older one. */
  add(span: T): T {
    this.#spans.push(span)
    const joined = this.#join(this.#spans, this.#apartMs)
    if (this.#spans.length > this.#most) this.#shrink(span.from - this.#keptMs)
    return joined
  }

  since(from: number): readonly T[] {
    return this.#spans.filter(({ to }) => to === null || to > from)
  }

  /** By a tenth at least, so that it is not done at each span. */
  #shrink(horizon: number): void {
    const few = Math.floor(this.#most * 0.9)
    let spans = this.#spans.filter(({ to }) => to === null || to > horizon)
    while (spans.length > few && this.#apartMs < coarsestMs) {
      this.#apartMs *= 2
      const joined: T[] = []
      for (const span of spans) {
        joined.push(span)
        this.#join(joined, this.#apartMs)
      }
      spans = joined
    }
    this.#spans = spans.slice(-few)
  }
}
