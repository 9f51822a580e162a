import { KubeConfig, type RequestContext } from '@kubernetes/client-node'

/**
 * client-node makes a new TLS agent for every request, and with it a new connection; this one keeps
 * the first.
 */
class PooledKubeConfig extends KubeConfig {
  #dispatcher: ReturnType<RequestContext['getDispatcher']>

  override async applySecurityAuthentication(context: RequestContext): Promise<void> {
    await super.applySecurityAuthentication(context)
    this.#dispatcher ??= context.getDispatcher()
    if (this.#dispatcher !== undefined) context.setDispatcher(this.#dispatcher)
  }
}

export function connect(kubeconfigFile: string): KubeConfig {
  const config = new PooledKubeConfig()
  config.loadFromFile(kubeconfigFile)
  return config
}
