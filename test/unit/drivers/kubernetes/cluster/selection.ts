import type { KubernetesObject } from '@kubernetes/client-node'

export interface Selection {
  readonly labelSelector?: string
  readonly fieldSelector?: string
}

export function isSelected(
  object: KubernetesObject,
  { labelSelector = '', fieldSelector = '' }: Selection,
): boolean {
  return (
    pairs(labelSelector).every(([label, value]) => object.metadata?.labels?.[label] === value) &&
    pairs(fieldSelector).every(([path, value]) => at(object, path) === value)
  )
}

function pairs(selector: string): (readonly [string, string])[] {
  return selector
    .split(',')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const [name = '', value = ''] = pair.split('=')
      return [name, value]
    })
}

function at(object: object, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (value, step) => (value as Record<string, unknown> | undefined)?.[step],
      object,
    )
}
