import { existsSync } from 'node:fs'
import { readFileSync } from 'node:fs'
import { HttpMethod, KubeConfig, RequestContext } from '@kubernetes/client-node'
import type { Dispatcher } from 'undici'
import { ConfigError } from '../../../config/index.ts'

const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount'

export interface ConnectOptions {
  readonly kubeconfig?: string | undefined
  readonly context?: string | undefined
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** A cluster that can be asked. */
export interface Connection {
  readonly config: KubeConfig
  /** URL of the API server. */
  readonly server: string
  /** Of the context, or of the pod's service account. */
  readonly namespace: string | undefined
  /** Whether this program runs in a pod of that cluster. */
  readonly inCluster: boolean
}

type Kept = ReturnType<RequestContext['getDispatcher']>

/**
 * client-node makes a TLS agent for every request, and with it a connection; this one keeps the first,
 * until the credentials are said to be stale. Tokens in files and of plugins are read anew by it.
 */
export class KeptKubeConfig extends KubeConfig {
  #dispatcher: Kept

  override async applySecurityAuthentication(context: RequestContext): Promise<void> {
    await super.applySecurityAuthentication(context)
    this.#dispatcher ??= context.getDispatcher()
    if (this.#dispatcher !== undefined) context.setDispatcher(this.#dispatcher)
  }

  /** A client certificate may have been exchanged. */
  forgetAgent(): void {
    this.#dispatcher = undefined
  }
}

/** @throws ConfigError in words when there is no cluster to be found */
export function connect({ kubeconfig, context, env = process.env }: ConnectOptions): Connection {
  const config = new KeptKubeConfig()
  const inCluster =
    kubeconfig === undefined &&
    env['KUBERNETES_SERVICE_HOST'] !== undefined &&
    existsSync(`${accountFolder}/token`)
  try {
    if (kubeconfig !== undefined) config.loadFromFile(kubeconfig)
    else if (inCluster) config.loadFromCluster()
    else config.loadFromDefault()
  } catch (error) {
    throw new ConfigError([
      `kubeconfig: ${kubeconfig ?? 'the default one'} cannot be used: ${(error as Error).message}`,
    ])
  }
  if (context !== undefined) {
    const known = config.getContexts().map(({ name }) => name)
    if (!known.includes(context)) {
      throw new ConfigError([
        `context: ${context} is not in the kubeconfig; it has ${known.join(', ') || 'none'}`,
      ])
    }
    config.setCurrentContext(context)
  }
  const cluster = config.getCurrentCluster()
  // What client-node assumes where nothing is configured.
  const isGuess =
    cluster === null || (kubeconfig === undefined && cluster.server === 'http://localhost:8080')
  if (isGuess) {
    throw new ConfigError([
      'kubeconfig: no cluster is configured; give `--kubeconfig FILE`, set KUBECONFIG, or run inside the cluster',
    ])
  }
  return {
    config,
    server: cluster.server,
    namespace: inCluster
      ? ownNamespace()
      : config.getContextObject(config.getCurrentContext())?.namespace,
    inCluster,
  }
}

function ownNamespace(): string | undefined {
  try {
    return readFileSync(`${accountFolder}/namespace`, 'utf8').trim() || undefined
  } catch {
    return undefined
  }
}

/** Headers and agent for one request. */
export async function credentials({
  config,
  server,
}: Pick<Connection, 'config' | 'server'>): Promise<{
  headers: Record<string, string>
  dispatcher: Dispatcher | undefined
}> {
  const context = new RequestContext(server, HttpMethod.GET)
  await config.applySecurityAuthentication(context)
  return {
    headers: context.getHeaders(),
    dispatcher: context.getDispatcher(),
  }
}
