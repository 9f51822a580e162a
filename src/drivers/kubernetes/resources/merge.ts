import { isMap, isSameEntry, keysOf, type Fields } from './lists.ts'

/** Fields of which an object may have one: the patch's takes the place of the others. */
const handlers = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep']
const oneOf: Readonly<Record<string, readonly string[]>> = {
  env: ['value', 'valueFrom'],
  startupProbe: handlers,
  readinessProbe: handlers,
  livenessProbe: handlers,
  preStop: handlers,
  postStart: handlers,
}

/**
 * A strategic merge patch as `kubectl patch` does it: maps are merged, lists with a merge key by their
 * entries, others replaced; null takes away, `$patch: replace` and `$patch: delete` are understood.
 * Beyond it, a volume's source, a variable's value and a probe's way of asking take the old one's place.
 */
export function strategicMerge(target: unknown, patch: unknown, field = ''): unknown {
  if (isMap(patch)) return mergeMaps(isMap(target) ? target : {}, patch, field)
  if (!Array.isArray(patch)) return patch
  const keys = keysOf(field, patch)
  return keys ? mergeLists(Array.isArray(target) ? target : [], patch, field, keys) : patch
}

function mergeMaps(target: Fields, patch: Fields, field: string): Fields {
  const { $patch: directive, ...fields } = patch
  const merged: Record<string, unknown> =
    directive === 'replace' ? {} : withoutRivals(target, fields, field)
  for (const [name, value] of Object.entries(fields)) {
    const isTakenAway = value === null || (isMap(value) && value['$patch'] === 'delete')
    if (isTakenAway) delete merged[name]
    else merged[name] = strategicMerge(merged[name], value, name)
  }
  return merged
}

function withoutRivals(target: Fields, patch: Fields, field: string): Record<string, unknown> {
  const isMember = (name: string) =>
    field === 'volumes' ? name !== 'name' : (oneOf[field]?.includes(name) ?? false)
  const isChosen = Object.entries(patch).some(([name, value]) => value !== null && isMember(name))
  const kept = Object.entries(target).filter(
    ([name]) => !isChosen || !isMember(name) || Object.hasOwn(patch, name),
  )
  return Object.fromEntries(kept)
}

function mergeLists(
  target: readonly unknown[],
  patch: readonly unknown[],
  field: string,
  keys: readonly string[],
): unknown[] {
  const entries = patch.filter(isMap)
  const isReplaced = entries.some(
    (entry) => entry['$patch'] === 'replace' && keys.every((key) => entry[key] === undefined),
  )
  const merged = isReplaced ? [] : [...target]
  for (const entry of entries) {
    const { $patch: directive, ...fields } = entry
    if (Object.keys(fields).length === 0) continue
    const index = merged.findIndex((each) => isSameEntry(each, fields, keys))
    const old = directive === 'replace' ? {} : (merged[index] ?? {})
    if (directive === 'delete') merged.splice(index, index < 0 ? 0 : 1)
    else if (index < 0) merged.push(strategicMerge({}, fields, field))
    else merged[index] = strategicMerge(old, fields, field)
  }
  return merged
}
