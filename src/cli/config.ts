import type { CAC } from 'cac'
import {
  loadSettings,
  registerSettings,
  reportSettings,
  settingsFromFlags,
  type SettingsReport,
} from '../config/index.ts'
import { table } from './table.ts'
import type { Terminal } from './terminal.ts'

/** `vllm-chill config`: what `serve` would do with the same flags, environment and file. */
export function registerConfig(cli: CAC, terminal: Terminal): void {
  const command = cli.command(
    'config',
    'Print the effective configuration, with where each value is from',
  )
  registerSettings(command)
    .option('--json', 'Print JSON')
    .example('  $ vllm-chill config --config vllm-chill.yaml --idle-timeout 10m')
    .action((options: Record<string, unknown>) => {
      const flags = settingsFromFlags(options, ['json'], cli.rawArgs)
      const report = reportSettings(loadSettings({ flags, env: terminal.env }))
      terminal.print(options.json === true ? JSON.stringify(report, null, 2) : reportText(report))
      return 0
    })
}

function reportText({ settings, backends }: SettingsReport): string {
  const values = table(
    ['SETTING', 'VALUE', 'FROM'],
    settings.map(({ key, value, source }) => [key, value ?? '-', source]),
  )
  const places = table(
    ['BACKEND', 'MODELS', 'GPUS', 'IDLE TIMEOUT', 'ENV', 'COMMAND'],
    backends.map(({ name, models, gpus, idleTimeout, env, command }) => [
      name,
      models?.join(',') ?? 'all',
      gpus ?? '-',
      idleTimeout ?? '-',
      env.join(',') || '-',
      command,
    ]),
  )
  const objects = backends.flatMap(({ name, cluster }) =>
    cluster ? [[name, cluster.deployment, cluster.configmap, cluster.service, cluster.pod]] : [],
  )
  const inCluster = table(['BACKEND', 'DEPLOYMENT', 'CONFIGMAP', 'SERVICE', 'POD'], objects)
  return [values, places, ...(objects.length > 0 ? [inCluster] : [])].join('\n\n')
}
