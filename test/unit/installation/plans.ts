import { planInstallation, type InstallationPlan } from '../../../src/installation/index.ts'

export interface Given {
  /** Of settings, as cac gives them. */
  readonly flags?: Readonly<Record<string, unknown>>
  readonly own?: Readonly<Record<string, unknown>>
  /** Text of the configuration file. */
  readonly file?: string
  readonly env?: Readonly<Record<string, string>>
}

/** The plan of version 1.2.3 that these words make. */
export function planOf({ flags = {}, own = {}, file, env = {} }: Given = {}): InstallationPlan {
  return planInstallation({
    flags: { ...flags, ...(file !== undefined && { config: '/chill.yaml' }) },
    own,
    env,
    cwd: '/',
    home: '/home/somebody',
    readFile: (path) => {
      if (path !== '/chill.yaml' || file === undefined) throw new Error(`no file ${path}`)
      return file
    },
    version: '1.2.3',
  })
}

/** One of everything that can be asked for. */
export const everything = {
  networkPolicy: true,
  podDisruptionBudget: true,
  serviceMonitor: true,
  ingressHost: 'llm.example.com',
  ingressClass: 'nginx',
  ingressTlsSecret: 'llm-tls',
  apiKeysSecret: 'client-keys',
  operationsTokenSecret: 'operators/token',
  programPullSecret: 'registry',
}
