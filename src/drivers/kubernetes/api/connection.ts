import { existsSync, readFileSync } from 'node:fs'
import type { KubeConfig } from '@kubernetes/client-node'
import { ConfigError } from '../../../config/index.ts'
import { KeptKubeConfig } from './kept-config.ts'
import { defaultKubeconfigs, readKubeconfigs } from './kubeconfig.ts'
import { withTokenFile } from './token-file.ts'

/** Below `accountRoot`. */
const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount'

export interface ConnectOptions {
  readonly kubeconfig?: string | undefined
  readonly context?: string | undefined
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Where the files of a pod's service account are, when not below `/`. */
  readonly accountRoot?: string
}

/** A cluster that can be asked. */
export interface Connection {
  /** As it is now: see `renew`. */
  readonly config: KubeConfig
  /** URL of the API server. */
  readonly server: string
  /** Of the context, or of the pod's service account. */
  readonly namespace: string | undefined
  /** Whether this program runs in a pod of that cluster. */
  readonly inCluster: boolean
  /**
   * Kubeconfig, certificates and tokens are read again, and plugins asked again, unless that has
   * happened since `stale` was in use. For when the API server has refused them.
   */
  renew(stale: KubeConfig): void
}

/** @throws ConfigError in words when there is no cluster to be found */
export function connect(options: ConnectOptions): Connection {
  const { kubeconfig, context, env = process.env, accountRoot = '' } = options
  const account = accountRoot + accountFolder
  const inCluster =
    kubeconfig === undefined &&
    context === undefined &&
    env['KUBERNETES_SERVICE_HOST'] !== undefined &&
    existsSync(`${account}/token`)

  function read(chosenContext: string | undefined): KeptKubeConfig {
    if (inCluster) {
      const own = new KeptKubeConfig()
      own.loadFromCluster(accountRoot)
      own.users = own.users.map((user) => withTokenFile(user, `${account}/token`))
      return own
    }
    const files = kubeconfig === undefined ? defaultKubeconfigs(env) : [kubeconfig]
    if (files.length === 0) {
      throw new ConfigError([
        'kubeconfig: no cluster is configured; give `--kubeconfig FILE`, set KUBECONFIG, or run inside the cluster',
      ])
    }
    return readKubeconfigs(files, chosenContext)
  }

  let config = read(context)
  const name = config.getCurrentContext()
  const server = config.getCurrentCluster()?.server ?? ''
  return {
    get config() {
      return config
    },
    server,
    namespace: inCluster ? ownNamespace(account) : config.getContextObject(name)?.namespace,
    inCluster,
    renew(stale) {
      if (stale !== config) return
      try {
        // Somebody may have switched to another context meanwhile; we do not.
        const anew = read(name)
        if (anew.getCurrentCluster()?.server === server) config = anew
      } catch (error) {
        // It is being written, or gone: what was read before is all there is.
        if (!(error instanceof ConfigError)) throw error
      }
    },
  }
}

function ownNamespace(account: string): string | undefined {
  try {
    return readFileSync(`${account}/namespace`, 'utf8').trim() || undefined
  } catch {
    return undefined
  }
}
