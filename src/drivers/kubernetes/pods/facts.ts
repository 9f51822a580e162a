import type { V1Deployment, V1Pod, V1PodCondition } from '@kubernetes/client-node'

const ownAnnotations = 'vllm-chill.efortin.github.io/'

/** It holds no GPU any more, and nobody takes it away. */
export function hasEnded({ status }: V1Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed'
}

export function isLeaving({ metadata }: V1Pod): boolean {
  return metadata?.deletionTimestamp !== undefined
}

/** Of the template as it is now, as far as our annotations tell. */
export function isCurrent({ metadata }: V1Pod, deployment: V1Deployment | undefined): boolean {
  const wanted = deployment?.spec?.template.metadata?.annotations ?? {}
  return Object.entries(wanted).every(
    ([key, value]) => !key.startsWith(ownAnnotations) || metadata?.annotations?.[key] === value,
  )
}

export function conditionOf({ status }: V1Pod, type: string): V1PodCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === type)
}

export function isReady(pod: V1Pod): boolean {
  return conditionOf(pod, 'Ready')?.status === 'True'
}

export function nameOf({ metadata }: V1Pod): string {
  return metadata?.name ?? ''
}

export function uidOf({ metadata }: V1Pod): string {
  return metadata?.uid ?? ''
}

export function timeOf(time: Date | string | undefined): number | undefined {
  return time === undefined ? undefined : new Date(time).getTime()
}

/** The first answer that there is. */
export function firstOf<T, R>(all: readonly T[], look: (one: T) => R | undefined): R | undefined {
  for (const one of all) {
    const found = look(one)
    if (found !== undefined) return found
  }
  return undefined
}
