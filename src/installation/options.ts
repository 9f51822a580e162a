import { ConfigError } from '../config/index.ts'
import { minorOf } from './server-version.ts'
import type { IngressOptions, InstallationOptions, SecretKey } from './plan.ts'

/** Flags of an installation beside those of the settings, by the names that cac gives them. */
export type InstallationFlag =
  | 'programImage'
  | 'programPullSecret'
  | 'replicas'
  | 'apiKeysSecret'
  | 'operationsTokenSecret'
  | 'ingressHost'
  | 'ingressClass'
  | 'ingressTlsSecret'
  | 'networkPolicy'
  | 'podDisruptionBudget'
  | 'serviceMonitor'
  | 'portForward'
  | 'crd'
  | 'createNamespace'
  | 'kubeVersion'

export const repository = 'ghcr.io/efortin/vllm-chill'

/**
 * What the flags ask for.
 * @throws ConfigError with every problem found
 */
export function readInstallationOptions(
  flags: Readonly<Record<string, unknown>>,
  version: string,
): InstallationOptions {
  const problems: string[] = []
  const text = (name: InstallationFlag): string | undefined => {
    const value = flags[name]
    if (value === undefined) return undefined
    if (typeof value === 'string' && value !== '') return value
    if (typeof value === 'number') return String(value)
    problems.push(`${flagOf(name)}: needs one value`)
    return undefined
  }
  const name = (flag: InstallationFlag): string | undefined => {
    const value = text(flag)
    if (value !== undefined && !isName(value)) problems.push(notAName(flag, value))
    return value
  }
  const secret = (flag: InstallationFlag, fallback: string): SecretKey | undefined => {
    const value = text(flag)
    if (value === undefined) return undefined
    const [name = '', key = fallback, ...rest] = value.split('/')
    if (isName(name) && /^[\w.-]+$/.test(key) && rest.length === 0) return { name, key }
    problems.push(`${flagOf(flag)}: ${value} is not understood; expected NAME or NAME/KEY`)
    return undefined
  }
  const pullSecrets = [flags['programPullSecret'] ?? []].flat().map(String)
  for (const one of pullSecrets.filter((one) => !isName(one)))
    problems.push(notAName('programPullSecret', one))
  const options: InstallationOptions = {
    crd: flags['crd'] !== false,
    createNamespace: flags['createNamespace'] !== false,
    serverMinor: serverMinorOf(text('kubeVersion'), problems),
    image: text('programImage') ?? `${repository}:${version}`,
    imagePullSecrets: pullSecrets,
    replicas: wholeNumber(text('replicas') ?? '1', problems),
    apiKeysSecret: secret('apiKeysSecret', 'api-keys'),
    operationsTokenSecret: secret('operationsTokenSecret', 'token'),
    ingress: ingressOf(
      { host: text('ingressHost'), className: name('ingressClass'), tls: name('ingressTlsSecret') },
      problems,
    ),
    networkPolicy: flags['networkPolicy'] === true,
    podDisruptionBudget: flags['podDisruptionBudget'] === true,
    serviceMonitor: flags['serviceMonitor'] === true,
    portForward: flags['portForward'] === true,
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return options
}

function ingressOf(
  given: { host: string | undefined; className: string | undefined; tls: string | undefined },
  problems: string[],
): IngressOptions | undefined {
  const { host, className, tls: tlsSecret } = given
  if (host === undefined) {
    if (className !== undefined || tlsSecret !== undefined)
      problems.push('--ingress-host: is missing; without it there is no Ingress')
    return undefined
  }
  if (!isName(host.replace(/^\*\./, ''))) problems.push(notAName('ingressHost', host))
  return { host, className, tlsSecret }
}

function wholeNumber(text: string, problems: string[]): number {
  if (!/^[1-9]\d?$/.test(text))
    problems.push(`--replicas: ${text} is not understood; expected a whole number from 1 to 99`)
  return Number(text)
}

function serverMinorOf(version: string | undefined, problems: string[]): number | undefined {
  if (version === undefined) return undefined
  const minor = minorOf(version)
  if (minor === undefined)
    problems.push(`--kube-version: ${version} is not understood; expected one such as 1.31`)
  return minor
}

/** What Kubernetes takes for the name of a Secret, a class or a host. */
function isName(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(text)
}

function notAName(name: InstallationFlag, value: string): string {
  return `${flagOf(name)}: ${value} is no name that Kubernetes takes; expected lower-case letters, digits, dashes and dots`
}

function flagOf(name: InstallationFlag): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}
