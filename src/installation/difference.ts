/** One field that would be another. */
export interface Change {
  /** `spec.template.spec.containers[vllm].image` */
  readonly path: string
  /** Undefined: is not there. */
  readonly before: unknown
  readonly after: unknown
}

/** What the server writes about an object, not what the object says. */
const ofTheServer = new Set([
  'metadata.managedFields',
  'metadata.resourceVersion',
  'metadata.uid',
  'metadata.selfLink',
  'metadata.generation',
  'metadata.creationTimestamp',
  'metadata.annotations.deployment.kubernetes.io/revision',
  'status',
])

/** The fields in which two states of one object differ, as the API server sees them. */
export function changesOf(before: object, after: object): readonly Change[] {
  const changes: Change[] = []
  compare('', before, after, changes)
  return changes
}

export function changeInWords({ path, before, after }: Change): string {
  if (before === undefined) return `+ ${path}: ${shown(after)}`
  if (after === undefined) return `- ${path}: ${shown(before)}`
  return `~ ${path}: ${shown(before)} → ${shown(after)}`
}

function compare(path: string, before: unknown, after: unknown, changes: Change[]): void {
  if (ofTheServer.has(path) || Object.is(before, after)) return
  const [left, right] = [fieldsOf(before), fieldsOf(after)]
  if (left === undefined || right === undefined || isList(before) !== isList(after)) {
    if (!isEmpty(before) || !isEmpty(after)) changes.push({ path, before, after })
    return
  }
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    const inner = isList(after) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`
    compare(inner, left.get(key), right.get(key), changes)
  }
}

/** Of a map by its keys, of a list by the names of its items, or their places. */
function fieldsOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null || value instanceof Date) return undefined
  if (!Array.isArray(value)) return new Map(Object.entries(value))
  const names = value.map((item: unknown) => (item as { name?: unknown } | null)?.name)
  const areNamed = names.every((name) => typeof name === 'string')
  const isUnique = new Set(names).size === names.length
  return new Map(
    value.map((item: unknown, at) => [areNamed && isUnique ? String(names[at]) : String(at), item]),
  )
}

const isList = Array.isArray

/** The server leaves such fields out. */
function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || fieldsOf(value)?.size === 0
}

const longest = 160

function shown(value: unknown): string {
  const text = typeof value === 'string' && !/[\n"]/.test(value) ? value : JSON.stringify(value)
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text
}
