/**
 * Writes what the pages derive from the code: tables between marker comments, the JSON schema of the
 * configuration file, and the pictures of the charts. `node docs/generate.ts` writes; with `--check` it fails when something is stale.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { format, type FormatConfig } from 'oxfmt'
import formatting from '../.oxfmtrc.json' with { type: 'json' }
import { chartNames, renderChart } from '../src/charts/index.ts'
import { settingsJsonSchema } from '../src/config/index.ts'
import { tables } from './tables.ts'

const pages = [
  'command-line.md',
  'configuration.md',
  'errors.md',
  'kubernetes-resource-management.md',
  'models.md',
  'observability.md',
]
const schemaFile = 'vllm-chill.schema.json'

/** The files that are not as the code says, with their right text. */
export async function staleFiles(): Promise<{ file: URL; text: string }[]> {
  const wanted = [
    ...pages.map(async (page) => {
      const file = new URL(page, import.meta.url)
      const text = await withTables(page, await readFile(file, 'utf8'))
      return { file, text: await formatted(page, text) }
    }),
    formatted(schemaFile, JSON.stringify(settingsJsonSchema())).then((text) => ({
      file: new URL(schemaFile, import.meta.url),
      text,
    })),
    ...chartNames.map(async (name) => ({
      file: new URL(`charts/${name}.svg`, import.meta.url),
      text: await renderChart(name, 'svg'),
    })),
  ]
  const stale = []
  for (const { file, text } of await Promise.all(wanted)) {
    const present = await readFile(file, 'utf8').catch(() => '')
    if (present !== text) stale.push({ file, text })
  }
  return stale
}

async function withTables(page: string, text: string): Promise<string> {
  const places = [...text.matchAll(/(<!-- generated: ([\w ]+) -->\n)[\s\S]*?(?=<!-- end -->)/g)]
  let filled = text
  for (const [place, begin = '', name = ''] of places) {
    const [table = '', ...words] = name.split(' ')
    const render = tables[table]
    if (!render) throw new Error(`${page} asks for a table "${name}" that docs/tables.ts has not`)
    const wanted = `${begin}\n${await render(...words)}\n\n`
    filled = filled.replace(place, () => wanted)
  }
  return filled
}

async function formatted(name: string, text: string): Promise<string> {
  const { $schema: _, ignorePatterns: __, ...options } = formatting
  const { code, errors } = await format(name, text, options satisfies FormatConfig)
  if (errors.length > 0) throw new Error(`${name} cannot be formatted: ${errors[0]?.message}`)
  return code
}

if (import.meta.main) {
  const stale = await staleFiles()
  if (process.argv.includes('--check')) {
    for (const { file } of stale) {
      process.stderr.write(`${file.pathname} is stale; run \`node docs/generate.ts\`\n`)
    }
    process.exitCode = stale.length > 0 ? 1 : 0
  } else {
    for (const { file, text } of stale) await writeFile(file, text)
  }
}
