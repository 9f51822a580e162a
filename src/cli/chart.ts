import type { CAC } from 'cac'
import { chartFormats, chartNames, renderChart } from '../charts/index.ts'
import { UsageError } from './failure.ts'
import type { Terminal } from './terminal.ts'

/** `vllm-chill chart`: a chart drawn from the machine that runs; no instance is asked. */
export function registerChart(cli: CAC, terminal: Terminal): void {
  cli
    .command(`chart [${chartNames.join('|')}]`, 'Print a state chart')
    .option(`--format <${chartFormats.join('|')}>`, 'How it is drawn', { default: 'ascii' })
    .option('--width <columns>', "Of ascii's lines; the terminal's unless given")
    .example('  $ vllm-chill chart')
    .example('  $ vllm-chill chart fleet --format mermaid')
    .example('  $ vllm-chill chart --format svg > backend.svg')
    .action(async (given = 'backend', options: { format: string; width?: string | number }) => {
      const name = oneOf(chartNames, given, 'chart')
      const format = oneOf(chartFormats, options.format, 'format')
      terminal.print(await renderChart(name, format, { columns: columnsOf(options.width) }))
      return 0
    })
}

function oneOf<T extends string>(known: readonly T[], given: unknown, what: string): T {
  const found = known.find((name) => name === given)
  if (found !== undefined) return found
  throw new UsageError(`no ${what} "${String(given)}"; there is ${known.join(', ')}`)
}

function columnsOf(given: string | number | undefined): number {
  if (given === undefined) return process.stdout.columns ?? 80
  const columns = Number(given)
  if (Number.isInteger(columns) && columns > 0) return columns
  throw new UsageError(`--width takes a number of columns, not "${given}"`)
}
