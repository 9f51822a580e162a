import { Histogram, type HistogramConfiguration, type MetricValueWithName } from 'prom-client'

/** One series of a histogram. */
export class Tally {
  sum = 0
  count = 0
  /** Observations in each bucket alone, the one above the last bound included. */
  readonly inBucket: number[]
  readonly #bounds: readonly number[]

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.inBucket = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  observe(value: number): void {
    const bounds = this.#bounds
    let at = 0
    while (at < bounds.length && value > (bounds[at] as number)) at++
    this.inBucket[at] = (this.inBucket[at] as number) + 1
    this.sum += value
    this.count++
  }
}

/**
 * prom-client's histogram finds its series anew with each observation, which is most of what one costs.
 * Of this one they can be kept.
 */
export class TalliedHistogram<L extends string> extends Histogram<L> {
  readonly #name: string
  readonly #help: string
  readonly #labels: readonly L[]
  readonly #bounds: readonly number[]
  readonly #series = new Map<string, { labels: Partial<Record<L, string>>; tally: Tally }>()

  constructor(config: HistogramConfiguration<L>) {
    super(config)
    this.#name = config.name
    this.#help = config.help
    this.#labels = config.labelNames ?? []
    this.#bounds = config.buckets ?? []
    if (this.#labels.length === 0) this.series({})
  }

  series(labels: Partial<Record<L, string>>): Tally {
    const key = JSON.stringify(this.#labels.map((label) => labels[label]))
    const known = this.#series.get(key)
    if (known) return known.tally
    const tally = new Tally(this.#bounds)
    this.#series.set(key, { labels, tally })
    return tally
  }

  // What prom-client asks for, in its own `get` as well as in its registry.
  getForPromString() {
    return Promise.resolve({
      name: this.#name,
      help: this.#help,
      type: 'histogram',
      aggregator: 'sum',
      values: this.#values(),
    })
  }

  #values(): MetricValueWithName<L>[] {
    const name = this.#name
    const values: MetricValueWithName<L>[] = []
    for (const { labels, tally } of this.#series.values()) {
      let below = 0
      for (const [at, inBucket] of tally.inBucket.entries()) {
        below += inBucket
        const le = this.#bounds[at] ?? '+Inf'
        values.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: below })
      }
      values.push(
        { metricName: `${name}_sum`, labels, value: tally.sum },
        { metricName: `${name}_count`, labels, value: tally.count },
      )
    }
    return values
  }
}
