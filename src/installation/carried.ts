import { ConfigError } from '../config/index.ts'

/** Settings that the pod has from elsewhere: they say how this very command reaches the cluster. */
const ofThisCommand = new Set(['kubeconfig', 'context', 'namespace', 'driver'])

/** What must not, or cannot, go into the program's file in the cluster, and what to do instead. */
const refused: Readonly<Record<string, string>> = {
  apiKeys: 'put the keys into a Secret, one a line, and name it with --api-keys-secret',
  apiKeysFile:
    'is a file of this machine; make a Secret of it (`kubectl create secret generic NAME --from-file=api-keys=FILE`) and name that with --api-keys-secret',
  operationsToken: 'put the token into a Secret and name it with --operations-token-secret',
  backendApiKey: 'put the key into a Secret and name it with --api-key-secret',
  stateDir: 'is a folder of this machine, and not used in a cluster',
  host: 'the pod listens on all its addresses; leave it out',
}

/** Names that a person gives to what others must not read. */
const secretName = /(^|_)(TOKEN|KEY|PASSWORD|SECRET|CREDENTIALS)S?$/

/**
 * What goes into the program's configuration file: what was given, without what the pod has from
 * elsewhere.
 * @throws ConfigError when a secret, or something of this machine, is among it
 */
export function carriedConfiguration(
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const problems = Object.keys(given)
    .filter((key) => refused[key] !== undefined && !isEmpty(given[key]))
    .map((key) => `${key}: ${refused[key]}`)
  if (given['driver'] !== undefined && given['driver'] !== 'kubernetes')
    problems.push('driver: is `kubernetes` in a cluster; leave it out')
  const entries = Object.entries(given).filter(
    ([key]) => !ofThisCommand.has(key) && refused[key] === undefined,
  )
  for (const [key, value] of entries) findSecrets(key, value, problems)
  if (problems.length > 0) throw new ConfigError(problems)
  return Object.fromEntries(entries)
}

/** Variables by the name of a secret: everybody who may read ConfigMaps could read those too. */
function findSecrets(path: string, value: unknown, problems: string[]): void {
  if (typeof value !== 'object' || value === null) return
  const named = value as { name?: unknown; value?: unknown }
  if (typeof named.name === 'string' && named.value !== undefined && secretName.test(named.name))
    problems.push(secretProblem(`${path}.${named.name}`))
  for (const [key, inner] of Object.entries(value)) {
    const place = Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`
    if (typeof inner === 'string' && secretName.test(key)) problems.push(secretProblem(place))
    findSecrets(place, inner, problems)
  }
}

function secretProblem(place: string): string {
  return `${place}: has the name of a secret; refer to a Secret instead (\`hfTokenSecret\`, \`apiKeySecret\`, or \`valueFrom.secretKeyRef\` in the pod template)`
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0)
}
