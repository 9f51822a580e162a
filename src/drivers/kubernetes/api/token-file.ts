import { readFile } from 'node:fs/promises'
import type { KubeConfig, User } from '@kubernetes/client-node'

type Authenticator = Parameters<KubeConfig['addAuthenticator']>[0]

const provider = 'token file, read for each request'

/**
 * The user with a token that is read for each request: a kubelet exchanges tokens while they are in
 * use. client-node's own way keeps one for a minute, and a line's end with it.
 */
export function withTokenFile(user: User, file: string): User {
  // client-node would prefer a token that stands there by itself.
  return { ...user, token: '', authProvider: { name: provider, config: { file } } }
}

export function tokenFileOf({ authProvider }: User): string | undefined {
  const { name, config } = (authProvider ?? {}) as { name?: string; config?: { file: string } }
  return name === provider ? config?.file : undefined
}

export const tokenFileAuthenticator: Authenticator = {
  isAuthProvider: (user) => tokenFileOf(user) !== undefined,
  async applyAuthentication(user, options) {
    const token = (await readFile(tokenFileOf(user) ?? '', 'utf8')).trim()
    options.headers = Object.assign(options.headers ?? {}, { Authorization: `Bearer ${token}` })
  },
}
