import { Counter, Gauge, Registry } from 'prom-client'
import { definitions, type Definition, type MetricName } from './definitions.ts'
import { TalliedHistogram } from './tallied-histogram.ts'

type Definitions = typeof definitions
type LabelsOf<N extends MetricName> = Definitions[N]['labels'][number]

interface Kinds<L extends string> {
  counter: Counter<L>
  gauge: Gauge<L>
  histogram: TalliedHistogram<L>
}

/** One of prom-client's objects for each definition, under its name. */
export type Instruments = {
  readonly [N in MetricName]: Kinds<LabelsOf<N>>[Definitions[N]['type']]
}

export interface InstrumentSet {
  readonly registry: Registry
  readonly instruments: Instruments
}

export function createInstruments(): InstrumentSet {
  const registry = new Registry()
  const made = Object.entries(definitions).map(([name, definition]) => [
    name,
    instrument(registry, name, definition),
  ])
  return { registry, instruments: Object.fromEntries(made) as Instruments }
}

function instrument(registry: Registry, name: string, definition: Definition): unknown {
  const { type, help, labels } = definition
  // Markdown is for the page.
  const common = {
    name,
    help: help.replaceAll('`', ''),
    labelNames: [...labels],
    registers: [registry],
  }
  if (type === 'counter') return new Counter(common)
  if (type === 'gauge') return new Gauge(common)
  return new TalliedHistogram({ ...common, buckets: [...(definition.buckets ?? [])] })
}
