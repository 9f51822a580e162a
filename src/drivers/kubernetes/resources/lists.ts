export type Fields = Readonly<Record<string, unknown>>

export const isMap = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What identifies an entry of a list, by the name of its field: Kubernetes' own merge keys. */
const mergeKeys: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  ephemeralContainers: ['name'],
  volumes: ['name'],
  env: ['name'],
  imagePullSecrets: ['name'],
  resourceClaims: ['name'],
  schedulingGates: ['name'],
  hostAliases: ['ip'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
  volumeMounts: ['mountPath'],
  volumeDevices: ['devicePath'],
}

/** Undefined: the list is one value, whose order counts. */
export function keysOf(field: string, entries: readonly unknown[]): readonly string[] | undefined {
  if (field !== 'ports') return mergeKeys[field]
  const isService = entries.some((entry) => isMap(entry) && 'port' in entry)
  return [isService ? 'port' : 'containerPort', 'protocol']
}

/** Whether two entries of a list are the same one, whatever else they say. */
export function isSameEntry(a: unknown, b: unknown, keys: readonly string[]): boolean {
  if (!isMap(a) || !isMap(b)) return false
  const valueOf = (entry: Fields, key: string) =>
    entry[key] ?? (key === 'protocol' ? 'TCP' : undefined)
  return keys.every((key) => valueOf(a, key) === valueOf(b, key))
}
