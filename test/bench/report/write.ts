import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { names } from '../contestants/index.ts'
import type { Results } from '../results.ts'
import { run } from '../run.ts'
import { column } from '../rounds.ts'
import { median } from '../statistics.ts'
import { barChart } from './chart.ts'
import { figure } from './table.ts'

const root = new URL('../../../', import.meta.url)
const page = new URL('docs/performance.md', root)
const charts = new URL('docs/performance/', root)
const between = /(<!-- what `npm run bench` found -->\n)[\s\S]*(<!-- until here -->)/

/** Puts the tables into the page, and the charts beside it. */
export async function writePage(tables: string, results: Results): Promise<void> {
  const text = await readFile(page, 'utf8')
  if (!between.test(text)) throw new Error(`${page.pathname} has lost the place for the tables`)
  await writeFile(
    page,
    text.replace(between, (_, start, end) => `${start}\n${tables}\n\n${end}`),
  )
  await run('npx', ['oxfmt', page.pathname])
  await mkdir(charts, { recursive: true })
  await writeFile(new URL('requests.svg', charts), requestsChart(results))
  await writeFile(new URL('streams.svg', charts), streamsChart(results))
}

function requestsChart({ json }: Results): string {
  const rounds = json.get(32)
  const bars = [...(rounds?.keys() ?? [])].map((label) => {
    const value = median(column(rounds!, label, (one) => one.perSecond))
    return { label, value, text: figure(value), isOurs: label === names.chill }
  })
  return barChart('Small requests a second, 32 connections, one core', bars)
}

function streamsChart({ streams }: Results): string {
  const rounds = streams.get(200)
  const bars = [...(rounds?.keys() ?? [])]
    .filter((label) => label !== names.direct)
    .map((label) => {
      const value = median(column(rounds!, label, (one) => one.cpuMs))
      return { label, value, text: `${figure(value)} ms`, isOurs: label === names.chill }
    })
  return barChart('CPU time per 1,000 streamed events, 200 streams (less is better)', bars)
}
