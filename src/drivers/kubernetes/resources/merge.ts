/** How lists are merged, by the name of their field: Kubernetes' own merge keys of a pod. */
const mergeKeys: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  ephemeralContainers: ['name'],
  volumes: ['name'],
  env: ['name'],
  imagePullSecrets: ['name'],
  hostAliases: ['ip'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
  volumeMounts: ['mountPath'],
  volumeDevices: ['devicePath'],
  ports: ['containerPort', 'protocol'],
}

type Map = Readonly<Record<string, unknown>>

const isMap = (value: unknown): value is Map =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * A strategic merge patch as `kubectl patch` does it: maps are merged, lists with a merge key by their
 * entries, others replaced; null takes away, `$patch: replace` and `$patch: delete` are understood.
 */
export function strategicMerge(target: unknown, patch: unknown, field = ''): unknown {
  if (isMap(patch)) return mergeMaps(isMap(target) ? target : {}, patch)
  const keys = mergeKeys[field]
  if (Array.isArray(patch) && keys)
    return mergeLists(Array.isArray(target) ? target : [], patch, keys)
  return patch
}

function mergeMaps(target: Map, patch: Map): Map {
  const { $patch: directive, ...fields } = patch
  const merged: Record<string, unknown> = directive === 'replace' ? {} : { ...target }
  for (const [field, value] of Object.entries(fields)) {
    if (value === null) delete merged[field]
    else merged[field] = strategicMerge(merged[field], value, field)
  }
  return merged
}

function mergeLists(
  target: readonly unknown[],
  patch: readonly unknown[],
  keys: readonly string[],
): unknown[] {
  const directives = patch.filter(isMap)
  const isReplaced = directives.some(
    (entry) => entry['$patch'] === 'replace' && keys.every((key) => entry[key] === undefined),
  )
  const merged = isReplaced ? [] : [...target]
  for (const entry of directives) {
    const { $patch: directive, ...fields } = entry
    if (Object.keys(fields).length === 0) continue
    const index = merged.findIndex((each) => isMap(each) && isSame(each, fields, keys))
    if (directive === 'delete') {
      if (index >= 0) merged.splice(index, 1)
    } else if (index < 0 || directive === 'replace') {
      merged.splice(index < 0 ? merged.length : index, index < 0 ? 0 : 1, mergeMaps({}, fields))
    } else merged[index] = mergeMaps(merged[index] as Map, fields)
  }
  return merged
}

function isSame(a: Map, b: Map, keys: readonly string[]): boolean {
  return keys.every((key) => {
    const fallback = key === 'protocol' ? 'TCP' : undefined
    return (a[key] ?? fallback) === (b[key] ?? fallback)
  })
}
