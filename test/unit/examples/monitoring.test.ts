import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parse, stringify } from 'yaml'
import { dashboard } from '../../../examples/monitoring/dashboard.ts'
import { definitions } from '../../../src/metrics/index.ts'
import { checkMetrics, checkOpenMetrics, checkRules, hasPromtool } from '../../promtool.ts'

const fileOf = (name: string) =>
  new URL(`../../../examples/monitoring/${name}`, import.meta.url).pathname

interface Rules {
  readonly groups: readonly { rules: readonly { alert: string; expr: string }[] }[]
}

const alerts = (parse(readFileSync(fileOf('alerts.yaml'), 'utf8')) as Rules).groups.flatMap(
  ({ rules }) => rules,
)
const panels = (
  dashboard() as { panels: { title: string; targets?: { expr: string }[]; gridPos: Place }[] }
).panels
const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
const page = readFileSync(new URL('../../../docs/observability.md', import.meta.url), 'utf8')
/** What stands in code and is more than a name. */
const documented = Array.from(page.matchAll(/`([^`\n]+)`/g), ([, code]) => code as string)
  .concat(Array.from(page.matchAll(/```promql\n([^]*?)```/g), ([, query]) => query as string))
  .filter((code) => /vllm_chill_/.test(code) && /[=>(]/.test(code))

interface Place {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

/** The metrics that a query names and that nobody has. */
function unknownIn(query: string): string[] {
  const names = query.match(/\b(vllm_chill|process)_\w+/g) ?? []
  return names
    .map((name) => name.replace(/_(bucket|sum|count)$/, ''))
    .filter((name) => !(name in definitions))
}

/** As recording rules, which promtool reads like any other query. */
function complaintsAbout(exprs: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'queries-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const rules = exprs.map((expr, at) => ({
    record: `query:${at}`,
    expr: expr
      .replaceAll('$__rate_interval', '1m')
      .replaceAll('$__range', '1h')
      .replaceAll('$instance', '.*'),
  }))
  const file = join(folder, 'rules.yaml')
  writeFileSync(file, stringify({ groups: [{ name: 'queries', rules }] }))
  return checkRules(file)
}

describe('what is there to monitor with', () => {
  it('asks for metrics that there are', () => {
    expect(alerts.length).toBeGreaterThan(5)
    expect(queries.length).toBeGreaterThan(15)
    expect(documented.length).toBeGreaterThan(5)
    const exprs = [...alerts.map(({ expr }) => expr), ...queries, ...documented]
    expect(exprs.flatMap(unknownIn)).toEqual([])
  })

  it.skipIf(!hasPromtool)('is understood by Prometheus: alerts, dashboard and page', () => {
    expect(checkRules(fileOf('alerts.yaml'))).toBe('')
    expect(complaintsAbout([...queries, ...documented])).toBe('')
  })

  it.skipIf(!hasPromtool)('is checked by what does complain', () => {
    expect(complaintsAbout(['rate(vllm_chill_leases'])).not.toBe('')
    expect(checkMetrics('# TYPE a_total gauge\na_total 1\n')).not.toBe('')
    expect(checkOpenMetrics('# TYPE a counter\na_total 1\n')).not.toBe('')
    expect(checkOpenMetrics('# TYPE a counter\na_total 1\n# EOF\n')).toBe('')
  })

  it('has no panel upon another', () => {
    for (const [at, one] of panels.entries()) {
      expect(one.gridPos.x + one.gridPos.w).toBeLessThanOrEqual(24)
      const under = panels.slice(at + 1).filter(({ gridPos }) => overlap(one.gridPos, gridPos))
      expect([one.title, under.map(({ title }) => title)]).toEqual([one.title, []])
    }
  })
})

function overlap(a: Place, b: Place): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
}
