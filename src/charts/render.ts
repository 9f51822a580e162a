import { renderAscii } from './ascii.ts'
import { toConfig } from './config.ts'
import { readChart } from './graph.ts'
import { renderMermaid } from './mermaid.ts'
import { charts, type ChartName } from './named.ts'
import { renderSvg, type SvgOptions } from './svg.ts'

/** `json` is XState's configuration of the machine, which Stately's editor reads. */
export const chartFormats = ['ascii', 'mermaid', 'svg', 'json'] as const

export type ChartFormat = (typeof chartFormats)[number]

export interface ChartOptions extends SvgOptions {
  /** How wide the lines of `ascii` may be; 80 unless given. */
  readonly columns?: number
}

/** One of our charts as text, drawn from the machine that runs. */
export async function renderChart(
  name: ChartName,
  format: ChartFormat,
  { columns = 80, ...options }: ChartOptions = {},
): Promise<string> {
  const { machine, main } = charts[name]
  const chart = readChart(machine)
  if (format === 'ascii') return renderAscii(chart, columns)
  if (format === 'mermaid') return renderMermaid(chart)
  if (format === 'json') return JSON.stringify(toConfig(chart), null, 2)
  const { layoutOf } = await import('./layouts.ts')
  return renderSvg(chart, main, await layoutOf(name), options)
}
