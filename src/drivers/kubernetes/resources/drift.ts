import type { KubernetesObject } from '@kubernetes/client-node'
import { quantityOf } from './quantity.ts'
import type { Drift } from './types.ts'

const identifying = ['name', 'mountPath', 'containerPort', 'port', 'key', 'ip']
/** Lists whose server-side order and further entries are none of ours. */
const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * The fields that we want otherwise than they are. What others, or the server's defaults, have added is
 * none; an empty value and a missing one are the same, as they are on the wire.
 */
export function drift(wanted: KubernetesObject, live: KubernetesObject): readonly Drift[] {
  const found: Drift[] = []
  const {
    apiVersion: _,
    kind: __,
    ...fields
  } = wanted as KubernetesObject & Record<string, unknown>
  compare(fields, live, '', found)
  return found
}

function compare(wanted: unknown, live: unknown, path: string, found: Drift[]): void {
  if (isEmpty(wanted)) {
    // A map or list of ours that is empty says nothing.
    if (!isMap(wanted) && !Array.isArray(wanted) && !isEmpty(live))
      found.push({ path, wanted, found: live })
    return
  }
  if (isMap(wanted)) {
    for (const [key, value] of Object.entries(wanted)) {
      const place = /^[\w-]+$/.test(key) ? `${path}.${key}` : `${path}["${key}"]`
      compare(value, isMap(live) ? live[key] : undefined, place.replace(/^\./, ''), found)
    }
    return
  }
  if (Array.isArray(wanted)) {
    compareLists(wanted, Array.isArray(live) ? live : [], path, found)
    return
  }
  if (!isSame(wanted, live)) found.push({ path, wanted, found: live })
}

function compareLists(
  wanted: readonly unknown[],
  live: readonly unknown[],
  path: string,
  found: Drift[],
): void {
  const key = identifying.find((each) => wanted.every((entry) => isMap(entry) && each in entry))
  if (key === undefined) {
    const isEqual =
      wanted.length === live.length &&
      wanted.every((each, i) => isMap(each) || isSame(each, live[i]))
    if (!isEqual) found.push({ path, wanted, found: live })
    else
      for (const [i, each] of wanted.entries())
        if (isMap(each)) compare(each, live[i], `${path}[${i}]`, found)
    return
  }
  for (const entry of wanted as Record<string, unknown>[]) {
    const partner = live.find((each) => isMap(each) && each[key] === entry[key])
    const place = `${path}[${key}=${String(entry[key])}]`
    if (partner === undefined) found.push({ path: place, wanted: entry, found: undefined })
    else compare(entry, partner, place, found)
  }
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false)
    return true
  return (
    (Array.isArray(value) && value.length === 0) ||
    (isMap(value) && Object.keys(value).length === 0)
  )
}

function isSame(wanted: unknown, live: unknown): boolean {
  if (wanted === live) return true
  const [a, b] = [quantityOf(wanted), quantityOf(live)]
  return a !== undefined && a === b && typeof wanted === 'string'
}
