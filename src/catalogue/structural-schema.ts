import { z } from 'zod'

/** What a CustomResourceDefinition may say of a value: the part of OpenAPI that Kubernetes takes. */
export interface StructuralSchema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean'
  readonly format?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly pattern?: string
  readonly minLength?: number
  readonly minItems?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, StructuralSchema>>
  readonly additionalProperties?: StructuralSchema
  readonly items?: StructuralSchema
  readonly required?: readonly string[]
  readonly 'x-kubernetes-preserve-unknown-fields'?: true
  readonly 'x-kubernetes-list-type'?: 'set' | 'map' | 'atomic'
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  readonly 'x-kubernetes-validations'?: readonly ServerRule[]
}

/** A rule in CEL, which servers from 1.25 on hold objects against. */
export interface ServerRule {
  readonly rule: string
  readonly message: string
}

type JsonSchema = z.core.JSONSchema.JSONSchema

/** Keywords that mean the same on both sides. */
const shared = ['description', 'enum', 'format', 'minLength', 'minItems'] as const

/**
 * A zod schema in Kubernetes' words. What these cannot say is left to the program, so that the server
 * takes everything that zod takes: names of a map's keys, the arms of a union but what they share,
 * checks in code. Unknown fields need no word: the server drops them.
 */
export function structuralSchema(schema: z.ZodType): StructuralSchema {
  return structural(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }))
}

function structural(schema: JsonSchema): StructuralSchema {
  const words = pick(schema, shared)
  if (schema.anyOf) return { ...words, ...eitherOf(schema.anyOf) }
  return {
    type: schema.type as StructuralSchema['type'],
    ...words,
    ...patternOf(schema),
    ...boundsOf(schema),
    ...defaultOf(schema),
    ...(schema.items && { items: structural(schema.items as JsonSchema) }),
    ...fieldsOf(schema),
  }
}

/** A value of several types is untyped to Kubernetes; what it says of one type binds only that one. */
function eitherOf(arms: readonly JsonSchema[]): StructuralSchema {
  const words = arms.map((arm) => {
    const { type: _, ...others } = structural(arm)
    return others
  })
  return Object.assign({}, ...words, {
    'x-kubernetes-preserve-unknown-fields': true,
  }) as StructuralSchema
}

function fieldsOf({ type, properties, required, additionalProperties }: JsonSchema) {
  if (type !== 'object') return {}
  if (properties) {
    const fields = Object.entries(properties).map(([name, field]) => [
      name,
      structural(field as JsonSchema),
    ])
    return {
      properties: Object.fromEntries(fields) as Record<string, StructuralSchema>,
      ...(required && required.length > 0 && { required }),
    }
  }
  const isTyped = typeof additionalProperties === 'object' && additionalProperties.type
  return isTyped
    ? { additionalProperties: structural(additionalProperties) }
    : { 'x-kubernetes-preserve-unknown-fields': true as const }
}

/** To a format that the server knows, zod adds a long pattern of its own. */
function patternOf({ pattern, format }: JsonSchema) {
  return pattern === undefined || format !== undefined ? {} : { pattern }
}

/** zod bounds every integer by what a double holds, which is worth no word. */
function boundsOf({ minimum, maximum }: JsonSchema) {
  return {
    ...(minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER && { minimum }),
    ...(maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER && { maximum }),
  }
}

/** An empty text stands for nothing: whoever reads the object need not see it. The program fills it in. */
function defaultOf(schema: JsonSchema) {
  return schema.default === undefined || schema.default === '' ? {} : { default: schema.default }
}

function pick(schema: JsonSchema, keys: readonly (keyof StructuralSchema)[]) {
  const present = keys.filter((key) => schema[key] !== undefined)
  return Object.fromEntries(present.map((key) => [key, schema[key]])) as StructuralSchema
}
