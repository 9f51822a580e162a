import { createHash } from 'node:crypto'
import { apiGroup, apiVersion, kind, specSchema, type VllmModel } from './schema.ts'
import { statusSchema } from './status.ts'
import { structuralSchema, type ServerRule, type StructuralSchema } from './structural-schema.ts'

/** A column of `kubectl get vllmmodels`; those of a priority above 0 come with `-o wide`. */
interface Column {
  readonly name: string
  readonly type: 'string' | 'integer' | 'date'
  readonly jsonPath: string
  readonly description?: string
  readonly priority?: number
}

/** As it stands on the wire. */
export interface CustomResourceDefinition {
  readonly apiVersion: 'apiextensions.k8s.io/v1'
  readonly kind: 'CustomResourceDefinition'
  readonly metadata: {
    readonly name: string
    readonly annotations: Readonly<Record<string, string>>
  }
  readonly spec: {
    readonly group: string
    readonly scope: 'Namespaced'
    readonly names: {
      readonly plural: string
      readonly singular: string
      readonly kind: string
      readonly listKind: string
      readonly shortNames: string[]
      readonly categories: string[]
    }
    readonly versions: {
      readonly name: string
      readonly served: boolean
      readonly storage: boolean
      readonly schema: { readonly openAPIV3Schema: StructuralSchema }
      readonly subresources: { readonly status: object }
      readonly additionalPrinterColumns: Column[]
    }[]
  }
}

const plural = 'vllmmodels'

export const crdName = `${plural}.${apiGroup}`

/** Says which schema a CustomResourceDefinition has; the same in every release that has the same one. */
const schemaAnnotation = 'vllm-chill.efortin.github.io/schema'

const columns: Column[] = [
  { name: 'Model', type: 'string', jsonPath: '.spec.modelName' },
  { name: 'Served As', type: 'string', jsonPath: '.spec.servedModelName' },
  { name: 'Status', type: 'string', jsonPath: '.status.phase' },
  { name: 'Backend', type: 'string', jsonPath: '.status.backend' },
  { name: 'Last Used', type: 'date', jsonPath: '.status.lastUsed' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  { name: 'GPUs', type: 'integer', jsonPath: '.spec.tensorParallelSize', priority: 1 },
  {
    name: 'Load',
    type: 'integer',
    jsonPath: '.status.lastLoadSeconds',
    description: 'Seconds that its last load took.',
    priority: 1,
  },
  { name: 'Message', type: 'string', jsonPath: '.status.message', priority: 1 },
]

/** Words that only Kubernetes has for what the program checks in code. */
const listWords = {
  spec: { aliases: { 'x-kubernetes-list-type': 'set' } },
  status: {
    conditions: { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] },
  },
} as const satisfies Record<string, Record<string, StructuralSchema>>

const withinTimers: ServerRule = {
  rule: "duration(self) <= duration('576h')",
  message: 'must be at most 576h',
}

/** The same in CEL; the program checks it in any case. */
const fieldRules: { readonly [Field in keyof VllmModel['spec']]?: readonly ServerRule[] } = {
  env: [
    {
      rule: "self.all(name, name.matches('^[A-Za-z_][A-Za-z0-9_]*$'))",
      message: 'names must be such as HF_HOME',
    },
  ],
  startTimeout: [
    { rule: "duration(self) > duration('0s')", message: 'must be more than 0' },
    withinTimers,
  ],
  idleTimeout: [withinTimers],
}

const specRules: readonly ServerRule[] = [
  {
    rule: '!(self.servedModelName in self.aliases)',
    message: 'aliases must not repeat servedModelName',
  },
]

export interface CrdOptions {
  /**
   * Adds rules in CEL, for servers from 1.25 on; older ones, and their kubectl, refuse the very word
   * (default false).
   */
  readonly rules?: boolean
}

/** The CustomResourceDefinition of VLLMModel, from the definition that the program validates by. */
export function vllmModelCrd({ rules = false }: CrdOptions = {}): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: crdName,
      // Of the whole: what a server is told of it makes no other schema of it.
      annotations: { [schemaAnnotation]: hashOf(crdSpec(true)) },
    },
    spec: crdSpec(rules),
  }
}

function crdSpec(rules: boolean): CustomResourceDefinition['spec'] {
  return {
    group: apiGroup,
    scope: 'Namespaced',
    names: {
      plural,
      singular: 'vllmmodel',
      kind,
      listKind: `${kind}List`,
      shortNames: ['vm', 'vllm'],
      categories: ['vllm-chill'],
    },
    versions: [
      {
        name: apiVersion.slice(apiGroup.length + 1),
        served: true,
        storage: true,
        schema: { openAPIV3Schema: objectSchema(rules) },
        subresources: { status: {} },
        additionalPrinterColumns: columns,
      },
    ],
  }
}

function objectSchema(rules: boolean): StructuralSchema {
  const spec = structuralSchema(specSchema)
  const status = structuralSchema(statusSchema)
  return {
    type: 'object',
    description: 'A model that vLLM can serve.',
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: {
        ...withWords(spec, listWords.spec, rules ? fieldRules : {}),
        description: 'What the model is, and how vLLM runs it.',
        ...(rules && { 'x-kubernetes-validations': specRules }),
      },
      status: {
        ...withWords(status, listWords.status),
        description: 'Written by vllm-chill.',
      },
    },
  }
}

function withWords(
  schema: StructuralSchema,
  words: Readonly<Record<string, StructuralSchema>>,
  rules: Readonly<Record<string, readonly ServerRule[]>> = {},
): StructuralSchema {
  const fields = Object.entries(schema.properties ?? {}).map(([name, field]) => [
    name,
    { ...field, ...words[name], ...(rules[name] && { 'x-kubernetes-validations': rules[name] }) },
  ])
  return { ...schema, properties: Object.fromEntries(fields) as typeof schema.properties }
}

/** Whether an installed CustomResourceDefinition is the one of this release. */
export interface CrdComparison {
  readonly current: boolean
  /**
   * Fields of this release that it has not, such as `spec.gpuCount`: the server drops them without a
   * word. With none, it does its work though it comes from another release.
   */
  readonly missing: readonly string[]
  /** Whether the status is a subresource there; without it, nobody learns what a model does. */
  readonly hasStatus: boolean
}

interface InstalledCrd {
  readonly metadata?: {
    readonly name?: string
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly spec?: {
    readonly versions?: readonly {
      readonly name: string
      readonly schema?: { readonly openAPIV3Schema?: object }
      readonly subresources?: { readonly status?: object }
    }[]
  }
}

export function compareCrd(installed: InstalledCrd): CrdComparison {
  const own = vllmModelCrd()
  const ownVersion = own.spec.versions[0]!
  const version = installed.spec?.versions?.find(({ name }) => name === ownVersion.name)
  const known = new Set(fieldPaths(version?.schema?.openAPIV3Schema ?? {}))
  const missing = fieldPaths(ownVersion.schema.openAPIV3Schema).filter((path) => !known.has(path))
  const hasStatus = version?.subresources?.status !== undefined
  const isMarked =
    installed.metadata?.annotations?.[schemaAnnotation] ===
    own.metadata.annotations[schemaAnnotation]
  return { current: isMarked && missing.length === 0 && hasStatus, missing, hasStatus }
}

/** `spec`, `spec.modelName` and so on; what is inside a field is not looked at. */
function fieldPaths({ properties = {} }: StructuralSchema): string[] {
  const inner = Object.entries(properties).flatMap(([name, field]) =>
    Object.keys(field.properties ?? {}).map((path) => `${name}.${path}`),
  )
  return [...Object.keys(properties), ...inner]
}

/** 48 bits: two schemas are never the same by chance, and it can be read aloud. */
function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 12)
}
