export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** The samples of Prometheus' text format; whether it is valid is for promtool to say. */
export function samplesOf(text: string): Sample[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const {
        name,
        labels = '',
        value,
      } = /^(?<name>[\w:]+)(\{(?<labels>.*)\})? (?<value>\S+)$/.exec(line)!.groups as {
        name: string
        labels?: string
        value: string
      }
      const pairs = labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)
      return {
        name,
        labels: Object.fromEntries(Array.from(pairs, ([, key, word]) => [key, word])) as Record<
          string,
          string
        >,
        value: Number(value),
      }
    })
}

/** The one sample of this name with these labels, among others perhaps; undefined where there is none. */
export function valueOf(
  text: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const found = samplesOf(text).find(
    (sample) =>
      sample.name === name &&
      Object.entries(labels).every(([key, word]) => sample.labels[key] === word),
  )
  return found?.value
}
