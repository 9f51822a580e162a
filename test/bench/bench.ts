/**
 * `npm run bench` measures what docs/performance.md shows and writes it there; `npm run bench:quick`
 * only prints, in less than 2 minutes. Either ends with 1 when a promise is missed.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startField } from './contestants/index.ts'
import { describeMachine } from './machine.ts'
import { measure } from './measure.ts'
import { holds, promises } from './must-hold.ts'
import { full, quick } from './plan.ts'
import { report } from './report/report.ts'
import { writePage } from './report/write.ts'
import { ensureTools } from './tools.ts'

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } })
const plan = values.quick ? quick : full
const begun = Date.now()
const say = (line: string) =>
  console.error(`${((Date.now() - begun) / 1000).toFixed(0).padStart(4)} s  ${line}`)

const tools = await ensureTools(say)
const machine = await describeMachine(tools)
const folder = await mkdtemp(join(tmpdir(), 'bench-'))
const field = await startField(tools, folder)
const results = await measure(plan, field, { tools, folder, backend: field.direct.url }, say)
await Promise.all(Object.values(field).map((contestant) => contestant.end()))
await rm(folder, { recursive: true, force: true })

const promised = promises(results)
const tables = report(plan, machine, results, promised)
console.log(tables)
if (!values.quick) await writePage(tables, results)
say('done')

const missed = promised.filter((one) => !holds(one, plan.leniency))
for (const { what, found } of missed) console.error(`missed: ${what} (${found.toFixed(2)})`)
process.exitCode = missed.length > 0 ? 1 : 0
