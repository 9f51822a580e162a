import type { KubernetesObject, V1ObjectMeta } from '@kubernetes/client-node'
import type { Settings } from '../config/index.ts'

/** A key of a Secret that somebody else keeps; only its name stands in a manifest. */
export interface SecretKey {
  readonly name: string
  readonly key: string
}

/** What is asked for beside what every installation has. */
export interface InstallationOptions {
  readonly crd: boolean
  /** Minor version of the server, 25 for 1.25; undefined: what every server takes. */
  readonly serverMinor: number | undefined
  readonly createNamespace: boolean
  /** Of this program, with its tag. */
  readonly image: string
  readonly imagePullSecrets: readonly string[]
  readonly replicas: number
  /** Client keys, one a line. */
  readonly apiKeysSecret: SecretKey | undefined
  readonly operationsTokenSecret: SecretKey | undefined
  readonly ingress: IngressOptions | undefined
  readonly networkPolicy: boolean
  readonly podDisruptionBudget: boolean
  readonly serviceMonitor: boolean
  /** The account is also for a program outside the cluster, which reaches vLLM through the API server. */
  readonly portForward: boolean
}

export interface IngressOptions {
  readonly host: string
  readonly className: string | undefined
  readonly tlsSecret: string | undefined
}

/** Everything that manifests of one installation are made of. */
export interface InstallationPlan extends InstallationOptions {
  /** Of every object of it, and of its Lease. */
  readonly name: string
  readonly namespace: string
  readonly version: string
  /** What the program will run with, defaults included. */
  readonly settings: Settings
  /** What goes into its configuration file; empty when everything is as by default. */
  readonly configuration: Readonly<Record<string, unknown>>
}

export const fieldManager = 'vllm-chill'
const prefix = 'vllm-chill.efortin.github.io'
export const installationAnnotation = `${prefix}/installation`
export const configHashAnnotation = `${prefix}/config-hash`

/** What the program listens on and a Service leads to. */
export const httpPort = 'http'
export const operationsPort = 'operations'

/** Of the program's pods: what Deployment, Service, policies and monitors select. */
export function selectorLabels({ name }: Pick<InstallationPlan, 'name'>): Record<string, string> {
  return { 'app.kubernetes.io/name': 'vllm-chill', 'app.kubernetes.io/instance': name }
}

export function labels(plan: Pick<InstallationPlan, 'name' | 'version'>): Record<string, string> {
  return {
    ...selectorLabels(plan),
    'app.kubernetes.io/component': 'proxy',
    'app.kubernetes.io/version': plan.version,
    'app.kubernetes.io/managed-by': 'vllm-chill',
  }
}

export function installationOf({ namespace, name }: { namespace: string; name: string }): string {
  return `${namespace}/${name}`
}

/** Name, labels and owner of an object of this installation. */
export function metadataOf(
  plan: InstallationPlan,
  own: { readonly name?: string; readonly annotations?: Readonly<Record<string, string>> } = {},
): V1ObjectMeta {
  return {
    name: own.name ?? plan.name,
    namespace: plan.namespace,
    labels: labels(plan),
    annotations: { [installationAnnotation]: installationOf(plan), ...own.annotations },
  }
}

/** Of vLLM's pods, ours and the original's. */
export const vllmLabels = { app: 'vllm' }

/** As it stands on the wire. */
export interface Manifest extends KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: V1ObjectMeta
  readonly spec?: object
}
