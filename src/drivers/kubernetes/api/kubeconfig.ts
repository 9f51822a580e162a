import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import type { Cluster, Context, User } from '@kubernetes/client-node'
import { parse, YAMLParseError } from 'yaml'
import { z } from 'zod'
import { ConfigError } from '../../../config/index.ts'
import { KeptKubeConfig } from './kept-config.ts'
import { tokenFileOf, withTokenFile } from './token-file.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** What client-node's own reader does not read. */
const tokenFilesSchema = z.object({
  users: z
    .array(
      z
        .object({ name: z.string(), user: z.object({ tokenFile: z.string() }) })
        .optional()
        .catch(undefined),
    )
    .catch([]),
})

/** Files where a kubeconfig is looked for, when none is named; those that are not there are no mistake. */
export function defaultKubeconfigs(env: Environment): readonly string[] {
  const named = (env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '')
  const files = named.length > 0 ? named : [join(env['HOME'] ?? homedir(), '.kube', 'config')]
  return files.filter((file) => existsSync(file))
}

/**
 * The chosen context of one or several kubeconfigs, and nothing else of them. As for kubectl, what an
 * earlier file says goes before what a later one does.
 *
 * @throws ConfigError
 */
export function readKubeconfigs(
  files: readonly string[],
  contextName: string | undefined,
): KeptKubeConfig {
  const read = files.map(readKubeconfig)
  const where = files.join(', ')
  const contexts = read.flatMap((config) => config.getContexts())
  const known = contexts.map(({ name }) => name).join(', ')
  const name = contextName ?? read.map((config) => config.getCurrentContext()).find(Boolean)
  if (name === undefined) {
    const choice = known === '' ? 'it has none' : `choose one with \`--context\`: ${known}`
    throw new ConfigError([`context: ${where} has no current context; ${choice}`])
  }
  const context = contexts.find((each) => each.name === name)
  if (context === undefined) {
    throw new ConfigError([`context: ${name} is not in ${where}; it has ${known || 'none'}`])
  }
  const cluster = read.flatMap((config) => config.getClusters()).find(isNamed(context.cluster))
  if (cluster === undefined) {
    throw new ConfigError([
      `context: ${name} is for the cluster ${context.cluster}, which is not in ${where}`,
    ])
  }
  const user = read.flatMap((config) => config.getUsers()).find(isNamed(context.user))
  if (user === undefined && context.user) {
    throw new ConfigError([
      `context: ${name} is for the user ${context.user}, who is not in ${where}`,
    ])
  }
  return chosen(where, context, cluster, user)
}

function chosen(
  where: string,
  context: Context,
  cluster: Cluster,
  user: User = { name: 'nobody' },
): KeptKubeConfig {
  const problems = [...problemsOfServer(cluster), ...missingFiles(cluster, user)]
  if (problems.length > 0) {
    throw new ConfigError(problems.map((problem) => `kubeconfig: ${where}: ${problem}`))
  }
  const config = new KeptKubeConfig()
  config.loadFromOptions({
    // Without TLS there is nothing to verify, and client-node wants to be told so.
    clusters: [{ ...cluster, skipTLSVerify: cluster.skipTLSVerify || isPlain(cluster.server) }],
    users: [user],
    contexts: [{ ...context, user: user.name }],
    currentContext: context.name,
  })
  return config
}

function readKubeconfig(file: string): KeptKubeConfig {
  const fail = (why: string): never => {
    throw new ConfigError([`kubeconfig: ${file} ${why}`])
  }
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return fail(code === 'ENOENT' ? 'does not exist' : `cannot be read: ${message}`)
  }
  let content: unknown
  try {
    content = parse(text)
  } catch (error) {
    // The whole message quotes the file, and with it what may be secret.
    const line = error instanceof YAMLParseError ? error.linePos?.[0].line : undefined
    return fail(`is no YAML${line === undefined ? '' : `: line ${line} is wrong`}`)
  }
  if (typeof content !== 'object' || content === null) return fail('is no kubeconfig')
  const config = new KeptKubeConfig()
  try {
    config.loadFromString(text)
    config.makePathsAbsolute(dirname(resolve(file)))
  } catch (error) {
    return fail(`is no kubeconfig: ${(error as Error).message}`)
  }
  config.users = config.users.map((user) => readingTokenFile(user, content, dirname(resolve(file))))
  return config
}

/** client-node does not know the field. */
function readingTokenFile(user: User, content: object, folder: string): User {
  const { users } = tokenFilesSchema.parse(content)
  const file = users.find((each) => each?.name === user.name)?.user.tokenFile
  return file === undefined ? user : withTokenFile(user, resolve(folder, file))
}

function problemsOfServer({ server, skipTLSVerify }: Cluster): string[] {
  const url = URL.parse(server)
  if (url === null || !['https:', 'http:'].includes(url.protocol)) {
    return [`the server ${server} is no URL such as https://10.0.0.1:6443`]
  }
  if (url.protocol === 'https:' || skipTLSVerify || isLoopback(url.hostname)) return []
  return [`${server} would be told the credentials unencrypted; use https`]
}

const isPlain = (server: string) => server.startsWith('http:')

const isLoopback = (host: string) => /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(host)

function missingFiles({ caFile }: Cluster, user: User): string[] {
  return [caFile, user.certFile, user.keyFile, tokenFileOf(user)]
    .filter((file) => typeof file === 'string' && !existsSync(file))
    .map((file) => `${file}, which it names, does not exist`)
}

const isNamed =
  (wanted: string | undefined) =>
  ({ name }: { name: string }) =>
    name === wanted
