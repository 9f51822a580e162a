import type { KubernetesObject } from '@kubernetes/client-node'
import type { Kind } from '../drivers/kubernetes/index.ts'
import {
  installationAnnotation,
  installationOf,
  type InstallationPlan,
  type Manifest,
} from './plan.ts'

/** Shared by all installations of a cluster. */
const shared: ReadonlySet<string> = new Set(['Namespace', 'CustomResourceDefinition'])

export const isShared = ({ kind }: Pick<Manifest, 'kind'>): boolean => shared.has(kind)

/** Whether it carries this installation's annotation. */
export function isOurs(
  plan: Pick<InstallationPlan, 'namespace' | 'name'>,
  { metadata }: KubernetesObject,
): boolean {
  return metadata?.annotations?.[installationAnnotation] === installationOf(plan)
}

export function titleOf({ kind, metadata }: KubernetesObject): string {
  return `${kind} ${metadata?.name}`
}

export const kindOf = ({ kind }: Manifest): Kind => kind as Kind
