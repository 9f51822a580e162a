import { HttpMethod, RequestContext } from '@kubernetes/client-node'
import type { Dispatcher } from 'undici'
import type { KubeConfig } from '@kubernetes/client-node'
import { untilAborted } from '../../engine/index.ts'

export interface Credentials {
  readonly headers: Readonly<Record<string, string>>
  readonly dispatcher: Dispatcher | undefined
}

/** What a request shows to the API server. A plugin of the kubeconfig may have to be asked for it. */
export async function credentialsOf(
  config: KubeConfig,
  server: string,
  signal: AbortSignal,
): Promise<Credentials> {
  const context = new RequestContext(server, HttpMethod.GET)
  await untilAborted(config.applySecurityAuthentication(context), signal)
  return { headers: context.getHeaders(), dispatcher: context.getDispatcher() }
}
