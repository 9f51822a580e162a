/**
 * `npm run bench:policy`: the real charts under each switch policy, by a simulated clock; prints the table
 * and writes it, with its picture, into docs/switching.md. With `-- --trace FILE` it plays a recorded trace
 * (see docs/switching.md) instead, and writes nothing.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { compareWithOptimum, playWorkloads } from './measures.ts'
import { drawing } from './drawing.ts'
import { recordedWorkload } from './recorded.ts'
import { optimumTable, workloadTable } from './tables.ts'

const docs = new URL('../../../docs/', import.meta.url)

const { trace } = parseArgs({ options: { trace: { type: 'string' } } }).values
if (trace !== undefined) {
  const played = await playWorkloads([await recordedWorkload(trace)])
  process.stdout.write(`${workloadTable(played)}\n`)
  process.exit()
}

const results = await playWorkloads()
const small = await compareWithOptimum()
const workloads = workloadTable(results)
const optimum = optimumTable(small)
process.stdout.write(`${workloads}\n\n${optimum}\n`)

const page = new URL('switching.md', docs)
const text = await readFile(page, 'utf8')
const withTable = (before: string, name: string, table: string) =>
  before.replace(
    new RegExp(`(<!-- bench: ${name} -->\n)[\\s\\S]*?(<!-- end -->)`),
    (_, begin: string, end: string) => `${begin}\n${table}\n\n${end}`,
  )
await writeFile(page, withTable(withTable(text, 'workloads', workloads), 'optimum', optimum))
await writeFile(new URL('switching.svg', docs), drawing(results))
