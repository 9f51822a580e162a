import type { CAC } from 'cac'
import { clusterLog, timeoutOption } from './cluster.ts'
import { installationWords, withInstallationFlags } from './installation-flags.ts'
import type { Terminal } from './terminal.ts'
import { version } from './version.ts'

/** `vllm-chill install`: what `manifests` prints, applied, and waited for. */
export function registerInstall(cli: CAC, terminal: Terminal): void {
  const command = cli.command('install', 'Install vllm-chill in Kubernetes, or bring it up to date')
  withInstallationFlags(command)
    .option('--dry-run', 'Show what would change, tried by the server, and change nothing')
    .option('--force', 'Take over fields that somebody else has set')
    .option('--timeout <duration>', 'How long to wait until it answers (default: 5m)')
    .example('  $ vllm-chill install --namespace ai-apps --enable-model-switch --dry-run')
    .example('  $ vllm-chill install --namespace ai-apps --enable-model-switch')
    .action(async (options: Record<string, unknown>) => {
      const { install, planInstallation, reachCluster } = await import('../installation/index.ts')
      const timeoutMs = timeoutOption(cli)
      const words = installationWords(options, cli.rawArgs, ['dryRun', 'force', 'timeout'])
      const asked = planInstallation({ ...words, env: terminal.env, version })
      const { api, plan } = reachCluster(asked, clusterLog(terminal))
      await install({
        api,
        plan,
        dryRun: options['dryRun'] === true,
        force: options['force'] === true,
        timeoutMs,
        tell: terminal.print,
      })
      if (options['dryRun'] === true) terminal.print('Nothing was changed.')
      else terminal.print(howToReach(plan))
      return 0
    })
}

function howToReach({ name, namespace }: { name: string; namespace: string }): string {
  return [
    '',
    `Inside the cluster:  http://${name}.${namespace}/v1`,
    `From here:           kubectl -n ${namespace} port-forward service/${name} 8080:80`,
    `What is loaded:      kubectl -n ${namespace} get vllmmodels`,
    `Is all well:         vllm-chill doctor --namespace ${namespace}`,
  ].join('\n')
}
