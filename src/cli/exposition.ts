/** Values of Prometheus' text format, summed up by name; labels tell apart what is asked for. */
export interface Exposition {
  /** Sum over all label values, or those with these labels; undefined where there is none. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number | undefined
  /** Sums by the values of one label. */
  by(name: string, label: string): ReadonlyMap<string, number>
}

interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const sampleLine = /^(?<name>[a-zA-Z_:][\w:]*)(?:\{(?<labels>.*)\})?\s+(?<value>\S+)/
const labelPair = /(\w+)="((?:[^"\\]|\\.)*)"/g

export function readExposition(text: string): Exposition {
  const samples = text.split('\n').flatMap((line) => sampleOf(line) ?? [])
  const named = (name: string, labels: Readonly<Record<string, string>> = {}) =>
    samples.filter(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    )
  const sumOf = (some: readonly Sample[]) => some.reduce((sum, { value }) => sum + value, 0)
  return {
    sum: (name, labels) => {
      const some = named(name, labels)
      return some.length === 0 ? undefined : sumOf(some)
    },
    by: (name, label) => {
      const groups = Map.groupBy(named(name), ({ labels }) => labels[label] ?? '')
      return new Map([...groups].map(([value, some]) => [value, sumOf(some)]))
    },
  }
}

function sampleOf(line: string): Sample | undefined {
  if (line.startsWith('#')) return undefined
  const groups = sampleLine.exec(line)?.groups
  if (!groups) return undefined
  const pairs = (groups['labels'] ?? '').matchAll(labelPair)
  const labels = Object.fromEntries(
    Array.from(pairs, ([, name = '', value = '']) => [name, unescaped(value)]),
  )
  return { name: groups['name'] ?? '', labels, value: Number(groups['value']) }
}

function unescaped(value: string): string {
  return value.replaceAll(/\\(.)/g, (_, letter: string) => (letter === 'n' ? '\n' : letter))
}
