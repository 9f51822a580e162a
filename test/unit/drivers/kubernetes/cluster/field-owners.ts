import type { KubernetesObject, V1ManagedFieldsEntry } from '@kubernetes/client-node'
import type { FieldConflict } from '../../../../../src/drivers/kubernetes/api/index.ts'

type Path = readonly string[]
type Fields = Record<string, unknown>

/** What the server itself writes, or what names the object: nobody's field. */
const nobodys = [
  /^apiVersion$/,
  /^kind$/,
  /^status\b/,
  /^metadata\.(name|namespace|uid|resourceVersion|generation|creationTimestamp|deletionTimestamp|managedFields)\b/,
]

interface Leaf {
  readonly path: Path
  readonly value: unknown
}

/**
 * Who owns which field of one object, as an API server keeps it for server-side apply. Lists are one
 * field here, whatever their keys.
 */
export class FieldOwners {
  /** By path; a manager that applies is another one than the same name that updates. */
  #owners = new Map<string, Set<string>>()
  #paths = new Map<string, Path>()

  /** For what is only tried. */
  copy(): FieldOwners {
    const copy = new FieldOwners()
    copy.#paths = new Map(this.#paths)
    copy.#owners = new Map(Array.from(this.#owners, ([key, owners]) => [key, new Set(owners)]))
    return copy
  }

  /** What an apply makes of an object; conflicts: nothing. */
  apply<T extends KubernetesObject>(
    live: T | undefined,
    wanted: T,
    { manager, force }: { manager: string; force: boolean },
  ): { result: T } | { conflicts: readonly FieldConflict[] } {
    const me = `Apply ${manager}`
    const leaves = leavesOf(wanted)
    const conflicts: FieldConflict[] = []
    for (const { path, value } of leaves) {
      const others = [...this.#ownersOf(path)].filter((owner) => owner !== me)
      if (others.length === 0 || isSame(valueAt(live, path), value)) continue
      conflicts.push(...others.map((owner) => ({ field: path.join('.'), manager: nameOf(owner) })))
    }
    if (conflicts.length > 0 && !force) return { conflicts }
    const result = structuredClone(live ?? wanted)
    for (const { path, value } of leaves) {
      if (!isSame(valueAt(live, path), value)) this.#ownersOf(path).clear()
      this.#ownersOf(path).add(me)
      write(result, path, value)
    }
    const kept = new Set(leaves.map(({ path }) => path.join('.')))
    for (const [key, owners] of this.#owners) {
      if (kept.has(key) || !owners.delete(me)) continue
      if (owners.size === 0) remove(result, this.#paths.get(key) ?? [])
    }
    return { result }
  }

  /** Somebody writes without an apply: what they change is theirs. */
  update(live: KubernetesObject | undefined, next: KubernetesObject, manager: string): void {
    for (const { path, value } of leavesOf(next)) {
      if (live !== undefined && isSame(valueAt(live, path), value)) continue
      this.#ownersOf(path).clear()
      this.#ownersOf(path).add(`Update ${manager}`)
    }
  }

  /** As they stand in the metadata of the object. */
  get managedFields(): V1ManagedFieldsEntry[] {
    const entries = new Map<string, Fields>()
    for (const [key, owners] of this.#owners) {
      for (const owner of owners) {
        const fields = entries.get(owner) ?? {}
        entries.set(owner, fields)
        const path = (this.#paths.get(key) ?? []).map((step) => `f:${step}`)
        write(fields, path, {})
      }
    }
    return Array.from(entries, ([owner, fieldsV1]) => ({
      manager: nameOf(owner),
      operation: owner.split(' ')[0] as string,
      fieldsV1,
    }))
  }

  #ownersOf(path: Path): Set<string> {
    const key = path.join('.')
    this.#paths.set(key, path)
    const owners = this.#owners.get(key) ?? new Set()
    this.#owners.set(key, owners)
    return owners
  }
}

function nameOf(owner: string): string {
  return owner.slice(owner.indexOf(' ') + 1)
}

function leavesOf(value: unknown, path: Path = []): Leaf[] {
  if (value === undefined || nobodys.some((pattern) => pattern.test(path.join('.')))) return []
  const isBranch =
    typeof value === 'object' && value !== null && !Array.isArray(value) && !isEmpty(value)
  if (!isBranch) return [{ path, value }]
  return Object.entries(value).flatMap(([field, inner]) => leavesOf(inner, [...path, field]))
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

function valueAt(object: unknown, path: Path): unknown {
  return path.reduce<unknown>((at, step) => (at as Fields | undefined)?.[step], object)
}

function write(object: object, path: Path, value: unknown): void {
  const last = path.at(-1)!
  let at = object as Fields
  for (const step of path.slice(0, -1)) {
    const inner = (at[step] ?? {}) as Fields
    at[step] = inner
    at = inner
  }
  const isThere = at[last] !== undefined
  // An empty map says that there is one, not that nothing is in it.
  if (isThere && typeof value === 'object' && value !== null && !Array.isArray(value)) return
  at[last] = structuredClone(value)
}

function remove(object: object, path: Path): void {
  const parent = valueAt(object, path.slice(0, -1)) as Fields | undefined
  if (parent) delete parent[path.at(-1)!]
}
