import type { CAC } from 'cac'
import { registerSettings, settingsFromFlags } from '../config/index.ts'
import type { InstallationFlag } from '../installation/index.ts'

type Command = ReturnType<CAC['command']>

interface Flag {
  /** As cac takes it: `--replicas <number>`. */
  readonly flag: string
  readonly meaning: string
}

/**
 * What the commands that make manifests take beside the settings. They load the room that makes them only
 * when they run: `--help` need not wait for a Kubernetes client to be read.
 */
const installationFlags = {
  programImage: {
    flag: '--program-image <image>',
    meaning:
      'Image of vllm-chill itself (default: ghcr.io/efortin/vllm-chill with the tag of this release)',
  },
  programPullSecret: {
    flag: '--program-pull-secret <name>',
    meaning: 'Secret to pull that image with; may be given several times',
  },
  replicas: {
    flag: '--replicas <number>',
    meaning: 'Programs that run at once; one leads, the others serve what is warm (default: 1)',
  },
  apiKeysSecret: {
    flag: '--api-keys-secret <name/key>',
    meaning: 'Secret with the keys of clients, one a line (default key: api-keys)',
  },
  operationsTokenSecret: {
    flag: '--operations-token-secret <name/key>',
    meaning: "Secret with the token of the operators' side (default key: token)",
  },
  ingressHost: { flag: '--ingress-host <host>', meaning: 'Add an Ingress for this host' },
  ingressClass: { flag: '--ingress-class <name>', meaning: 'Class of the Ingress' },
  ingressTlsSecret: {
    flag: '--ingress-tls-secret <name>',
    meaning: 'Secret with the certificate of the Ingress',
  },
  networkPolicy: {
    flag: '--network-policy',
    meaning: 'Add a NetworkPolicy: only vllm-chill reaches vLLM',
  },
  podDisruptionBudget: {
    flag: '--pod-disruption-budget',
    meaning: 'Add a PodDisruptionBudget: one program always stays',
  },
  serviceMonitor: {
    flag: '--service-monitor',
    meaning: 'Add a ServiceMonitor for the Prometheus operator',
  },
  portForward: {
    flag: '--port-forward',
    meaning:
      'Let the account forward ports of pods: for a `serve` outside the cluster that uses it',
  },
  crd: { flag: '--no-crd', meaning: 'Leave out the CustomResourceDefinition' },
  createNamespace: { flag: '--no-create-namespace', meaning: 'Leave out the Namespace' },
} satisfies Record<Exclude<InstallationFlag, 'kubeVersion'>, Flag>

/** Where no server is asked for its version. */
export const kubeVersionFlag: Flag = {
  flag: '--kube-version <1.N>',
  meaning: 'Version of the server, for what not all of them take (default: what all take)',
}

/** Gives a command the flags of an installation, and those of all settings. */
export function withInstallationFlags(command: Command): Command {
  for (const { flag, meaning } of Object.values(installationFlags)) command.option(flag, meaning)
  return registerSettings(command)
}

/** What was given: settings and flags of the command itself, the latter by their names in camel case. */
export function installationWords(
  options: Readonly<Record<string, unknown>>,
  argv: readonly string[],
  besides: readonly string[] = [],
): { flags: Record<string, unknown>; own: Record<string, unknown> } {
  const names = [...Object.keys(installationFlags), 'kubeVersion', ...besides]
  return {
    flags: settingsFromFlags(options, names, argv),
    own: Object.fromEntries(names.map((name) => [name, options[name]])),
  }
}
