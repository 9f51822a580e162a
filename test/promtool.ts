import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Prometheus' own checks, of Debian's package `prometheus`; `.ci/run` always has them. */
export const hasPromtool = spawnSync('promtool', ['--version']).status === 0

/** What promtool says of its complaints; empty when all is well. */
function complaints(args: readonly string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' })
  return status === 0 ? '' : `${stdout}${stderr}` || `exit code ${status}`
}

/** Parses Prometheus' text format, and lints names, types and help. */
export function checkMetrics(text: string): string {
  return complaints(['check', 'metrics'], text)
}

export function checkRules(file: string): string {
  return complaints(['check', 'rules', file])
}

/** Of all of promtool, only what imports old samples parses OpenMetrics; it wants to know of when they are. */
export function checkOpenMetrics(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'openmetrics-'))
  try {
    const samples = join(folder, 'samples')
    writeFileSync(samples, text.replaceAll(/^[^#\n].*$/gm, '$& 1764000000'))
    const blocks = join(folder, 'blocks')
    return complaints(['tsdb', 'create-blocks-from', 'openmetrics', samples, blocks])
  } finally {
    rmSync(folder, { recursive: true })
  }
}
