import { createHash } from 'node:crypto'
import type { V1ConfigMap } from '@kubernetes/client-node'
import { stringify } from 'yaml'
import { metadataOf, type InstallationPlan } from '../plan.ts'

export const configFolder = '/etc/vllm-chill'
export const configFile = 'vllm-chill.yaml'

/** The program's own configuration file; undefined where its defaults are wanted. */
export function configuration(plan: InstallationPlan): V1ConfigMap | undefined {
  const text = configurationText(plan)
  if (text === undefined) return undefined
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadataOf(plan),
    data: { [configFile]: text },
  }
}

/** Part of the pod template: a program reads its file only once, so another file is another pod. */
export function configurationHash(plan: InstallationPlan): string | undefined {
  const text = configurationText(plan)
  return text && createHash('sha256').update(text).digest('hex').slice(0, 16)
}

function configurationText({ configuration }: InstallationPlan): string | undefined {
  return Object.keys(configuration).length === 0
    ? undefined
    : stringify(configuration, { lineWidth: 0 })
}
