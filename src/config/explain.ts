import type { z } from 'zod'
import { didYouMean } from './nearest-name.ts'

type Issue = z.core.$ZodIssue
export type Path = readonly PropertyKey[]

/** What is wrong with one field, for the person who wrote it. */
export interface Fault {
  readonly path: Path
  /** `spec.maxModelLen: 12 is too small; at least 512 is allowed`. */
  readonly message: string
}

/**
 * One fault per field; `input` is what was validated, `knownFields` what may stand at a place of it. What
 * `mayBeSecret` tells may open something, and is not repeated.
 */
export function explain(
  issues: readonly Issue[],
  input: unknown,
  knownFields: (path: Path) => readonly string[],
  mayBeSecret: (path: Path) => boolean = () => false,
): Fault[] {
  return issues.flatMap((issue): Fault[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        path: [...issue.path, key],
        message: `${written([...issue.path, key])}: unknown field${didYouMean(key, knownFields(issue.path))}`,
      }))
    }
    const value = valueAt(input, issue.path)
    const field = written(issue.path)
    if (value === undefined) return [{ path: issue.path, message: `${field}: is missing` }]
    return [
      {
        path: issue.path,
        message: `${field}: ${whatIsWrong(issue, value, mayBeSecret(issue.path))}`,
      },
    ]
  })
}

function whatIsWrong(issue: Issue, value: unknown, isHidden: boolean): string {
  const given = isHidden ? '' : `${shown(value)} `
  switch (issue.code) {
    case 'invalid_type':
      return `${given}is not ${expectedType(issue.expected, value, isHidden)}`
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array'
        ? 'must not be empty'
        : `${given}is too small; at least ${issue.minimum} is allowed`
    case 'too_big':
      return `${given}is too large; at most ${issue.maximum} is allowed`
    case 'invalid_value': {
      const words = issue.values.map(String)
      const allowed = words.map((word) => (word === '' ? '"" (none)' : word)).join(', ')
      return `${given}is not one of ${allowed}${didYouMean(String(value), words)}`
    }
    case 'invalid_key':
      return `the name ${issue.issues[0]?.message ?? 'is not allowed'}`
    case 'invalid_union':
      return describeUnion(issue.errors, value, isHidden)
    default:
      return `${given}${issue.message}`
  }
}

/** Of several forms, the one that was meant: where the type fits and something else is wrong. */
function describeUnion(
  errors: readonly (readonly Issue[])[],
  value: unknown,
  isHidden: boolean,
): string {
  const meant = errors.find((issues) =>
    issues.every((issue) => issue.code !== 'invalid_type' || issue.path.length > 0),
  )?.[0]
  const given = isHidden ? '' : `${shown(value)} `
  if (meant === undefined) return `${given}is neither ${errors.map(formOf).join(' nor ')}`
  return whatIsWrong(meant, valueAt(value, meant.path), isHidden)
}

/** One form of several, by what it finds wrong. */
function formOf([issue]: readonly Issue[]): string {
  if (issue?.code === 'invalid_value') return issue.values.map(String).join(' or ')
  return issue?.code === 'invalid_type'
    ? expectedType(issue.expected, undefined, true)
    : 'what is allowed'
}

function expectedType(expected: string, value: unknown, isHidden: boolean): string {
  switch (expected) {
    case 'int':
      return 'a whole number'
    case 'string':
      return typeof value === 'number' || typeof value === 'boolean'
        ? `text; put it in quotes${isHidden ? '' : `: "${value}"`}`
        : 'text'
    case 'number':
      return typeof value === 'string' && /^[\d.]+$/.test(value)
        ? 'a number; remove the quotes'
        : 'a number'
    case 'boolean':
      return 'true or false'
    case 'array':
      return 'a list'
    case 'record':
    case 'object':
      return 'a map'
    default:
      return `a ${expected}`
  }
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

/** `spec.extraArgs[0]`. */
function written(path: Path): string {
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
    .join('')
    .replace(/^\./, '')
}

function valueAt(input: unknown, path: Path): unknown {
  let value = input
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = (value as Record<PropertyKey, unknown>)[step]
  }
  return value
}
