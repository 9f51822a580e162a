import type { CAC } from 'cac'
import { registerSettings, settingsFromFlags } from '../config/index.ts'
import type { Check } from '../installation/index.ts'
import { clusterLog } from './cluster.ts'
import type { Terminal } from './terminal.ts'
import { version } from './version.ts'

/** `vllm-chill doctor`: what the program would find in the cluster. */
export function registerDoctor(cli: CAC, terminal: Terminal): void {
  const command = cli
    .command('doctor', 'Look at a cluster: is everything there that vllm-chill needs?')
    .option('--json', 'Print JSON')
  registerSettings(command)
    .example('  $ vllm-chill doctor --namespace ai-apps --enable-model-switch')
    .action(async (options: Record<string, unknown>) => {
      const { diagnose } = await import('../installation/index.ts')
      const flags = settingsFromFlags(options, ['json'], cli.rawArgs)
      const place = { flags, own: {}, env: terminal.env, version }
      const checks = await diagnose(place, clusterLog(terminal))
      terminal.print(options['json'] === true ? JSON.stringify(checks, null, 2) : inWords(checks))
      return checks.some(({ verdict }) => verdict === 'wrong') ? 1 : 0
    })
}

function inWords(checks: readonly Check[]): string {
  const lines = checks.flatMap(({ what, verdict, found, todo }) => [
    `${verdict.padEnd(7)}  ${what}: ${found}`,
    ...(todo === undefined ? [] : [`${' '.repeat(9)}→ ${todo}`]),
  ])
  const count = (wanted: Check['verdict']) =>
    checks.filter(({ verdict }) => verdict === wanted).length
  const wrong = count('wrong')
  const unknown = count('unknown')
  const sum =
    wrong === 0 ? 'Nothing is wrong' : `${wrong} thing${wrong === 1 ? ' is' : 's are'} wrong`
  return [...lines, '', unknown === 0 ? sum : `${sum}; ${unknown} could not be looked at`].join(
    '\n',
  )
}
