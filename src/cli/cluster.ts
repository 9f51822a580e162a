import type { CAC } from 'cac'
import { parseDuration } from '../config/index.ts'
import { optionText } from './command-line.ts'
import { UsageError } from './failure.ts'
import type { Terminal } from './terminal.ts'

/** What goes wrong on the way to the API server is said beside the answer. */
export function clusterLog({ say }: Terminal) {
  const tell = (_: object, message: string) => say(`${message}\n`)
  return { info: () => undefined, warn: tell, error: tell }
}

/** `--timeout`, ms; five minutes unless given. */
export function timeoutOption(cli: CAC): number {
  const text = optionText(cli, '--timeout')
  if (text === undefined) return 300_000
  const ms = parseDuration(text)
  if (ms === undefined) throw new UsageError(`--timeout: ${text} is no duration such as 90s or 5m`)
  return ms
}
