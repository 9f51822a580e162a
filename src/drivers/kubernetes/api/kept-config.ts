import { KubeConfig, type RequestContext } from '@kubernetes/client-node'
import { tokenFileAuthenticator } from './token-file.ts'

type Kept = ReturnType<RequestContext['getDispatcher']>

/**
 * client-node makes a TLS agent for every request, and with it a connection; this one keeps the first.
 * Credentials that were exchanged are had by reading all of it again.
 */
export class KeptKubeConfig extends KubeConfig {
  #dispatcher: Kept

  constructor() {
    super()
    this.addAuthenticator(tokenFileAuthenticator)
  }

  override async applySecurityAuthentication(context: RequestContext): Promise<void> {
    await super.applySecurityAuthentication(context)
    this.#dispatcher ??= context.getDispatcher()
    if (this.#dispatcher !== undefined) context.setDispatcher(this.#dispatcher)
  }
}
