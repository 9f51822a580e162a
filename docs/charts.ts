/**
 * Writes what docs/architecture.md shows of the charts: the pictures of the machines, and the
 * table of events and states, rendered from docs/chart-table.ts. `node docs/charts.ts` writes; with
 * `--check` it fails when the page is stale.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { format, type FormatConfig } from 'oxfmt'
import formatting from '../.oxfmtrc.json' with { type: 'json' }
import type { ChartName } from '../src/charts/index.ts'
import { table, type Leaf, type Row } from './chart-table.ts'

const page = new URL('architecture.md', import.meta.url)

const drawings: Readonly<Record<string, () => string>> = {
  backend: () => picture('backend'),
  fleet: () => picture('fleet'),
  pool: () => picture('pool'),
  events: renderTable,
}

/** Page as it is, and as it should be. */
export async function architecturePage(): Promise<{ present: string; wanted: string }> {
  const present = await readFile(page, 'utf8')
  const drawn = present.replaceAll(
    /(<!-- chart: (\w+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, begin: string, name: string, end: string) => {
      const draw = drawings[name]
      if (!draw)
        throw new Error(`docs/architecture.md asks for a chart "${name}" that is not drawn`)
      return `${begin}\n${draw()}\n\n${end}`
    },
  )
  const { $schema: _, ignorePatterns: __, ...options } = formatting
  const { code, errors } = await format('architecture.md', drawn, options satisfies FormatConfig)
  if (errors.length > 0) throw new Error(`the page cannot be formatted: ${errors[0]?.message}`)
  return { present, wanted: code }
}

/** The file that docs/generate.ts writes, a click away at its full size. */
function picture(name: ChartName): string {
  return `[![The states of a ${name} and the ways between them](charts/${name}.svg)](charts/${name}.svg)`
}

function renderTable(): string {
  const sections: [string, (leaf: Leaf) => boolean][] = [
    ['cold', (leaf) => leaf === 'cold'],
    ['creatingResources and scalingUp', (leaf) => /^(creating|scalingUp)/.test(leaf)],
    ['ready', (leaf) => leaf.startsWith('ready')],
    ['switchingModel', (leaf) => leaf.startsWith('switchingModel')],
    ['idle', (leaf) => leaf.startsWith('idle')],
  ]
  return sections.map(([title, belongs]) => section(title, belongs)).join('\n\n')
}

function section(title: string, belongs: (leaf: Leaf) => boolean): string {
  const rows = table.filter((row) => row.in.some(belongs))
  const moves = rows.filter(({ outcome }) => outcome !== 'noted')
  const noted = rows.filter(({ outcome }) => outcome === 'noted')
  const statesOf = (row: Row) => row.in.filter(belongs).map((leaf) => code(shortened(leaf)))
  const lines = moves.map((row) => [whenOf(row), statesOf(row).join(', '), outcomeOf(row)])
  // What moves nothing stands together, so that what moves something is seen.
  const groups = Map.groupBy(noted, (row) => `${statesOf(row).join(', ')}|${outcomeOf(row)}`)
  for (const [first, ...others] of groups.values()) {
    if (!first) continue
    const whens = [first, ...others].map(whenOf).join('; ')
    lines.push([whens, statesOf(first).join(', '), outcomeOf(first)])
  }
  const rendered = lines.map((cells) => `| ${cells.join(' | ')} |`)
  return [`#### In ${title}`, '', '| When | in | then |', '| --- | --- | --- |', ...rendered].join(
    '\n',
  )
}

function whenOf({ when, given }: Row): string {
  return given === undefined ? when : `${when}, and ${given}`
}

function outcomeOf({ outcome, because, tells }: Row): string {
  const told = tells ? `; tells ${tells.map((fact) => `“${fact}”`).join(', ')}` : ''
  if (outcome === 'noted') return `noted${told}`
  const reason = because === undefined ? '' : ` (“${because}”)`
  return `${code(outcome)}${reason}${told}`
}

/** Inside a section, the inner state says enough. */
function shortened(leaf: Leaf): string {
  return leaf.slice(leaf.indexOf('.') + 1)
}

function code(text: string): string {
  return `\`${text}\``
}

if (import.meta.main) {
  const { present, wanted } = await architecturePage()
  if (!process.argv.includes('--check')) await writeFile(page, wanted)
  else if (present !== wanted) {
    process.stderr.write('docs/architecture.md is stale; run `node docs/charts.ts`\n')
    process.exitCode = 1
  }
}
