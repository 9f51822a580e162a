import type { CAC } from 'cac'
import { installationWords, kubeVersionFlag, withInstallationFlags } from './installation-flags.ts'
import type { Terminal } from './terminal.ts'
import { version } from './version.ts'

/** `vllm-chill manifests`: an installation as YAML, for `kubectl apply` or a repository. */
export function registerManifests(cli: CAC, terminal: Terminal): void {
  const command = cli.command(
    'manifests',
    'Print everything that an installation in Kubernetes needs, as YAML',
  )
  withInstallationFlags(command)
    .option(kubeVersionFlag.flag, kubeVersionFlag.meaning)
    .example('  $ vllm-chill manifests --namespace ai-apps | kubectl apply --server-side -f -')
    .example('  $ vllm-chill manifests --enable-model-switch --network-policy > vllm-chill.yaml')
    .action(async (options: Record<string, unknown>) => {
      const { installationManifests, planInstallation, toYaml } =
        await import('../installation/index.ts')
      const words = installationWords(options, cli.rawArgs)
      const plan = planInstallation({ ...words, env: terminal.env, version })
      terminal.print(toYaml(installationManifests(plan)).trimEnd())
      return 0
    })
}
