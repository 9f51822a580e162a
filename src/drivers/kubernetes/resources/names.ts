import type { KubernetesObject } from '@kubernetes/client-node'
import type { BackendPlace } from './types.ts'

const prefix = 'vllm-chill.efortin.github.io/'

/** Annotations of ours. */
export const annotations = {
  /** Which installation made it; what lacks it is somebody else's. */
  installation: `${prefix}installation`,
  configHash: `${prefix}config-hash`,
  model: `${prefix}model`,
  revision: `${prefix}model-revision`,
} as const

/** Chooses the pods of one backend and no other's. */
export function podSelector({ backend }: Pick<BackendPlace, 'backend'>): Record<string, string> {
  return { app: 'vllm', 'app.kubernetes.io/instance': backend }
}

export function labels(place: BackendPlace): Record<string, string> {
  return {
    ...podSelector(place),
    'app.kubernetes.io/name': 'vllm',
    'app.kubernetes.io/component': 'inference',
    'app.kubernetes.io/managed-by': 'vllm-chill',
    'managed-by': 'vllm-chill',
  }
}

/** Made by this installation, so that it may be changed. */
export function isOurs({ metadata }: KubernetesObject, installation: string): boolean {
  return metadata?.annotations?.[annotations.installation] === installation
}

/** `Deployment ai/vllm` */
export function labelOf({ kind, metadata }: KubernetesObject): string {
  return `${kind} ${metadata?.namespace}/${metadata?.name}`
}
