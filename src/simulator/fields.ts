import { invalidField } from './api-error.ts'

export type Json = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Readers of one field each; absent and null are the same to vLLM. All throw its 400. */

export function optionalText(body: Json, name: string): string | undefined {
  const value = body[name] ?? undefined
  if (value === undefined || typeof value === 'string') return value
  throw invalidField('string_type', name, 'Input should be a valid string')
}

export function optionalCount(body: Json, name: string, min = 0): number | undefined {
  const value = body[name] ?? undefined
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw invalidField('int_type', name, 'Input should be a valid integer')
  }
  if (value >= min) return value
  throw invalidField('greater_than_equal', name, `Input should be greater than or equal to ${min}`)
}

export function optionalFlag(body: Json, name: string): boolean {
  const value = body[name] ?? false
  if (typeof value === 'boolean') return value
  throw invalidField('bool_type', name, 'Input should be a valid boolean')
}

export function optionalList(body: Json, name: string): readonly unknown[] {
  const value = body[name] ?? []
  if (Array.isArray(value)) return value
  throw invalidField('list_type', name, 'Input should be a valid list')
}

export function requiredList(body: Json, name: string): readonly unknown[] {
  return optionalList({ [name]: required(body, name) }, name)
}

export function required(body: Json, name: string): unknown {
  const value = body[name] ?? undefined
  if (value === undefined) throw invalidField('missing', name, 'Field required')
  return value
}

/** `stop` and its like: one string or several. */
export function optionalTexts(body: Json, name: string): readonly string[] {
  const value = body[name] ?? []
  const list: unknown[] = Array.isArray(value) ? value : [value]
  if (list.every((item) => typeof item === 'string')) return list
  throw invalidField('string_type', name, 'Input should be a valid string')
}
