import { finished, policies, waitSeconds, type Ratio, type Result } from './measures.ts'

type Row = readonly string[]

/** A Markdown table with its columns aligned. */
function table(head: Row, rows: readonly Row[]): string {
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]!.length)))
  const line = (row: Row) => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

const percent = (part: number) => `${(100 * part).toFixed(1)} %`

export function workloadTable(results: readonly Result[]): string {
  const rows = results.flatMap(({ workload, outcomes }) =>
    outcomes.map((outcome): Row => {
      const seconds = (part: number, model?: string) => waitSeconds(outcome, part, model).toFixed(0)
      return [
        workload.name,
        outcome.policy,
        seconds(0.5),
        seconds(0.95),
        Object.keys(workload.loadMs)
          .map((model) => `${model} ${seconds(1, model)}`)
          .join(', '),
        String(outcome.loads),
        percent(outcome.servingMs / workload.untilMs),
        percent(outcome.loadingMs / workload.untilMs),
        ((finished(outcome) / workload.untilMs) * 3_600_000).toFixed(0),
        (outcome.costMs / 3_600_000).toFixed(1),
      ]
    }),
  )
  const head = 'workload,policy,p50 s,p95 s,longest s,loads,serving,loading,finished/h,cost h'
  return table(head.split(','), rows)
}

export function optimumTable(ratios: readonly Ratio[]): string {
  const rows = policies.map((policy): Row => {
    const own = ratios.filter((each) => each.policy === policy)
    const worst = own.reduce((most, each) => (each.ratio > most.ratio ? each : most))
    const mean = own.reduce((sum, { ratio }) => sum + ratio, 0) / own.length
    return [policy, String(own.length), mean.toFixed(2), worst.ratio.toFixed(2), String(worst.seed)]
  })
  return table(['policy', 'instances', 'mean', 'worst', 'seed of the worst'], rows)
}
