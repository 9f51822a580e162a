import type { CAC } from 'cac'
import { clusterLog, timeoutOption } from './cluster.ts'
import { registerSettings, settingsFromFlags } from '../config/index.ts'
import type { Terminal } from './terminal.ts'
import { version } from './version.ts'

/** `vllm-chill uninstall`: takes away what `install` and the program made. */
export function registerUninstall(cli: CAC, terminal: Terminal): void {
  const command = cli
    .command('uninstall', 'Remove vllm-chill from Kubernetes, and what it made there')
    .option('--dry-run', 'Show what would be removed')
    .option('--crd', 'Remove the CustomResourceDefinition too, and with it every VLLMModel')
    .option('--yes', 'With --crd: yes, the models too')
    .option('--timeout <duration>', 'How long to wait until pods have ended (default: 5m)')
  registerSettings(command)
    .example('  $ vllm-chill uninstall --namespace ai-apps --dry-run')
    .action(async (options: Record<string, unknown>) => {
      const { planPlace, reachCluster, uninstall } = await import('../installation/index.ts')
      const timeoutMs = timeoutOption(cli)
      const own = ['dryRun', 'crd', 'yes', 'timeout']
      const flags = settingsFromFlags(options, own, cli.rawArgs)
      const asked = planPlace({ flags, own: {}, env: terminal.env, version })
      await uninstall({
        cluster: reachCluster(asked, clusterLog(terminal)),
        crd: options['crd'] === true,
        yes: options['yes'] === true,
        dryRun: options['dryRun'] === true,
        timeoutMs,
        tell: terminal.print,
      })
      return 0
    })
}
