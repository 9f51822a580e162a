// The client's own door would bring all of its APIs along.
import * as kinds from '@kubernetes/client-node/dist/gen/models/all.js'
import { didYouMean } from '../../../../config/index.ts'
import { isMap } from '../lists.ts'
import type { PodProblem } from '../types.ts'

interface Attribute {
  readonly baseName: string
  /** `string`, `Array<V1Container>`, `{ [key: string]: string; }` … */
  readonly type: string
}
interface Described {
  getAttributeTypeMap?(): readonly Attribute[]
}

const listOf = /^Array<(.+)>$/
const mapOf = /^\{ \[key: string\]: (.+); \}$/
/** Text to the client, but numbers are fine to the server. */
const amounts = new Set(['limits', 'requests', 'sizeLimit', 'divisor'])

/**
 * Fields that are not of the type that Kubernetes has for them, and names that are near one of its own.
 * Other unknown names are left to the server, which may be newer than what is known here. Nulls and
 * directives are those of a patch.
 *
 * @param type name of a class of the client, such as `V1PodTemplateSpec`
 */
export function fieldProblems(value: unknown, type: string, path: string): PodProblem[] {
  if (value === undefined || value === null) return []
  const [list, map] = [listOf.exec(type)?.[1], mapOf.exec(type)?.[1]]
  if (list !== undefined) {
    if (!Array.isArray(value)) return [wrong(path, value, 'a list')]
    return value.flatMap((each, index) => fieldProblems(each, list, `${path}[${index}]`))
  }
  const attributes = (kinds as unknown as Record<string, Described | undefined>)[
    type
  ]?.getAttributeTypeMap?.()
  if (map === undefined && attributes === undefined) return plainProblems(value, type, path)
  if (!isMap(value)) return [wrong(path, value, 'a map')]
  return Object.entries(value).flatMap(([name, inner]) => {
    const at = path === '' ? name : `${path}.${name}`
    if (name.startsWith('$')) return directiveProblems(name, inner, at)
    const known = map ?? attributes?.find(({ baseName }) => baseName === name)?.type
    if (known === undefined) return unknownProblems(name, attributes ?? [], at)
    if (amounts.has(name) && map === undefined && mapOf.test(known)) {
      return fieldProblems(inner, '{ [key: string]: amount; }', at)
    }
    return fieldProblems(inner, amounts.has(name) ? 'amount' : known, at)
  })
}

function plainProblems(value: unknown, type: string, path: string): PodProblem[] {
  const actual = typeof value
  switch (type) {
    case 'string':
      if (actual === 'string') return []
      return [wrong(path, value, isMap(value) || Array.isArray(value) ? 'text' : 'text; quote it')]
    case 'number':
      return actual === 'number' ? [] : [wrong(path, value, 'a number')]
    case 'boolean':
      return actual === 'boolean' ? [] : [wrong(path, value, 'true or false')]
    case 'IntOrString':
    case 'amount':
      return actual === 'number' || actual === 'string'
        ? []
        : [wrong(path, value, type === 'amount' ? 'an amount' : 'a number or a name')]
    default:
      return []
  }
}

function directiveProblems(name: string, value: unknown, path: string): PodProblem[] {
  if (name !== '$patch') return [{ path, message: 'is not understood; of directives, $patch is' }]
  if (value === 'replace' || value === 'delete') return []
  return [wrong(path, value, 'one of replace and delete')]
}

function unknownProblems(name: string, known: readonly Attribute[], path: string): PodProblem[] {
  const hint = didYouMean(
    name,
    known.map(({ baseName }) => baseName),
  )
  return hint === '' ? [] : [{ path, message: `unknown field${hint}` }]
}

function wrong(path: string, value: unknown, expected: string): PodProblem {
  const text = JSON.stringify(value)
  return {
    path,
    message: `${text.length > 60 ? `${text.slice(0, 57)}…` : text} is not ${expected}`,
  }
}
