import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Somebody that the API server knows by a static token. */
export interface Identity {
  readonly user: string
  readonly groups: readonly string[]
  readonly token: string
}

const token = () => randomBytes(16).toString('hex')

export const adminIdentity = (): Identity => ({
  user: 'admin',
  groups: ['system:masters'],
  token: token(),
})

/** For what the harness itself does beside the tests, so that the audit log can tell it apart. */
export const componentIdentity = (name: string): Identity => ({
  user: `system:${name}`,
  groups: ['system:masters'],
  token: token(),
})

/** The very user that a pod with this service account would be, under the RBAC that it has. */
export const serviceAccountIdentity = (namespace: string, name: string): Identity => ({
  user: `system:serviceaccount:${namespace}:${name}`,
  groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  token: token(),
})

export async function writeTokens(file: string, identities: readonly Identity[]): Promise<void> {
  const lines = identities.map(
    ({ user, groups, token }, index) => `${token},${user},uid-${index},"${groups.join(',')}"`,
  )
  await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600 })
}

export interface KubeconfigPlan {
  readonly server: string
  /** PEM file with what signed the server's certificate. */
  readonly caFile: string
  readonly identity: Identity
  readonly namespace: string
}

/** JSON is YAML, and every client reads it. */
export async function writeKubeconfig(file: string, plan: KubeconfigPlan): Promise<void> {
  const ca = await readFile(plan.caFile)
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'simulated',
        cluster: { server: plan.server, 'certificate-authority-data': ca.toString('base64') },
      },
    ],
    users: [{ name: plan.identity.user, user: { token: plan.identity.token } }],
    contexts: [
      {
        name: 'simulated',
        context: {
          cluster: 'simulated',
          user: plan.identity.user,
          namespace: plan.namespace,
        },
      },
    ],
    'current-context': 'simulated',
  }
  await writeFile(file, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 })
}

/** A file name for a user name. */
export const kubeconfigName = (folder: string, { user }: Identity) =>
  join(folder, `${user.replaceAll(':', '-')}.kubeconfig`)
