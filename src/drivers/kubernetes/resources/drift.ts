import type { KubernetesObject } from '@kubernetes/client-node'
import { isMap, isSameEntry, keysOf } from './lists.ts'
import { quantityOf } from './quantity.ts'
import type { Drift } from './types.ts'
import { withoutSecrets } from './without-secrets.ts'

/** Fields that hold an amount, or a map of them: the server writes these in its own way. */
const amounts = new Set(['limits', 'requests', 'sizeLimit', 'storage', 'divisor'])

/**
 * The fields that we want otherwise than they are, fit to be logged. What others, or the server's
 * defaults, have added is none; an empty value and a missing one are the same, as they are on the wire.
 */
export function drift(wanted: KubernetesObject, live: KubernetesObject): readonly Drift[] {
  const found: Drift[] = []
  const { apiVersion: _, kind: __, ...fields } = wanted
  compare(fields, live, { path: '', field: '', isAmount: false }, found)
  return found.map((each) => ({
    path: each.path,
    wanted: withoutSecrets(each.wanted, each.path),
    found: withoutSecrets(each.found, each.path),
  }))
}

/** Where something stands. */
interface Place {
  readonly path: string
  readonly field: string
  readonly isAmount: boolean
}

function compare(wanted: unknown, live: unknown, place: Place, found: Drift[]): void {
  if (isMap(wanted)) {
    for (const [name, value] of Object.entries(wanted)) {
      compare(value, isMap(live) ? live[name] : undefined, inside(place, name), found)
    }
  } else if (Array.isArray(wanted)) {
    compareLists(wanted, Array.isArray(live) ? live : [], place, found)
  } else if (!isSame(wanted, live, place)) {
    found.push({ path: place.path, wanted, found: live })
  }
}

function inside({ path, isAmount }: Place, field: string): Place {
  const step = /^[\w-]+$/.test(field) ? `.${field}` : `["${field}"]`
  return {
    path: path === '' ? field : `${path}${step}`,
    field,
    isAmount: isAmount || amounts.has(field),
  }
}

function compareLists(
  wanted: readonly unknown[],
  live: readonly unknown[],
  place: Place,
  found: Drift[],
): void {
  const { path, field } = place
  const keys = keysOf(field, wanted)
  if (keys) {
    for (const entry of wanted) {
      const partner = live.find((each) => isSameEntry(each, entry, keys))
      const step = isMap(entry) ? `[${keys[0]}=${String(entry[keys[0]!])}]` : ''
      const at = { ...place, path: `${path}${step}` }
      if (partner === undefined) found.push({ path: at.path, wanted: entry, found: undefined })
      else compare(entry, partner, at, found)
    }
    return
  }
  const isAlike =
    wanted.length === live.length &&
    wanted.every((each, index) => isMap(each) || isSame(each, live[index], place))
  if (!isAlike) {
    found.push({ path, wanted, found: live })
    return
  }
  for (const [index, each] of wanted.entries()) {
    if (isMap(each)) compare(each, live[index], { ...place, path: `${path}[${index}]` }, found)
  }
}

function isSame(wanted: unknown, live: unknown, { isAmount }: Place): boolean {
  if (wanted === live || (isNothing(wanted) && isNothing(live))) return true
  const amount = isAmount ? quantityOf(wanted) : undefined
  return amount !== undefined && amount === quantityOf(live)
}

/** What is not sent, since it is what a missing field means. */
function isNothing(value: unknown): boolean {
  return value === undefined || value === null || value === '' || value === 0 || value === false
}
