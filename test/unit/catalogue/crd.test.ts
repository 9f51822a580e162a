import { describe, expect, test } from 'vitest'
import { compareCrd, specSchema, statusSchema, vllmModelCrd } from '../../../src/catalogue/index.ts'
import type { StructuralSchema } from '../../../src/catalogue/structural-schema.ts'
import { model } from './manifest.ts'

const crd = vllmModelCrd()
const schemaOf = ({ spec }: typeof crd) => spec.versions[0]!.schema.openAPIV3Schema
const { spec, status } = schemaOf(crd).properties as Record<string, StructuralSchema>
const fields = spec?.properties ?? {}

/** Every schema inside of one, by its path. */
function everySchema(schema: StructuralSchema, path = ''): [string, StructuralSchema][] {
  const inner = [
    ...Object.entries(schema.properties ?? {}),
    ...(schema.items ? [['[]', schema.items] as const] : []),
    ...(schema.additionalProperties ? [['{}', schema.additionalProperties] as const] : []),
  ]
  return [[path, schema], ...inner.flatMap(([name, each]) => everySchema(each, `${path}.${name}`))]
}

describe('the CustomResourceDefinition', () => {
  test('is the kind of the manifests, with the names that the original gave it', () => {
    expect(crd.metadata.name).toBe('vllmmodels.vllm.efortin.github.io')
    expect(crd.spec).toMatchObject({
      group: 'vllm.efortin.github.io',
      scope: 'Namespaced',
      names: { kind: 'VLLMModel', plural: 'vllmmodels', shortNames: ['vm', 'vllm'] },
      versions: [{ name: 'v1alpha1', served: true, storage: true, subresources: { status: {} } }],
    })
  })

  test('has every field that a manifest may have, each described, and no other', () => {
    expect(Object.keys(fields)).toEqual(Object.keys(specSchema.shape))
    expect(spec?.required).toEqual(['modelName', 'servedModelName'])
    const undescribed = Object.entries(fields).filter(([, { description }]) => !description)
    expect(undescribed).toEqual([])
    expect(Object.keys(status?.properties ?? {})).toEqual(Object.keys(statusSchema.shape))
  })

  test('fills in what the program fills in, but empty texts, which stand for nothing', () => {
    const given = Object.entries(fields).filter(([, field]) => 'default' in field)
    const written = Object.entries(model('a').spec).filter(
      ([name, value]) => value !== '' && !spec?.required?.includes(name),
    )
    expect(Object.fromEntries(given.map(([name, field]) => [name, field.default]))).toEqual(
      Object.fromEntries(written),
    )
    expect(given.length).toBeGreaterThan(10)
  })

  test('says ranges, words and forms as the program knows them', () => {
    expect(fields).toMatchObject({
      maxModelLen: { type: 'integer', minimum: 512, default: 32_768 },
      gpuMemoryUtilization: { type: 'number', minimum: 0.1, maximum: 1 },
      dtype: { type: 'string', enum: expect.arrayContaining(['auto', 'bfloat16']) as unknown },
      reasoningParser: { enum: ['', 'deepseek_r1'] },
      idleTimeout: { pattern: expect.stringContaining('ms|s|m|h') as unknown },
      env: { type: 'object', additionalProperties: { type: 'string' } },
      aliases: { 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
    })
    // A double's bounds are no rule of ours.
    expect(fields['priority']).not.toHaveProperty('minimum')
    expect(fields['maxModelLen']).not.toHaveProperty('maximum')
  })

  test('takes a value of two forms as it is, and says of each form what can be said', () => {
    expect(fields['command']).toEqual({
      description: expect.any(String) as unknown,
      'x-kubernetes-preserve-unknown-fields': true,
      items: { type: 'string' },
      minItems: 1,
    })
  })

  test('is structural: every value has a type, or is left alone', () => {
    const words = new Set(['$schema', 'propertyNames', 'anyOf', 'oneOf', 'allOf', 'const'])
    for (const [path, schema] of everySchema(schemaOf(crd))) {
      const isLeftAlone = schema['x-kubernetes-preserve-unknown-fields'] === true
      expect([path, schema.type !== undefined || isLeftAlone]).toEqual([path, true])
      expect([path, Object.keys(schema).filter((key) => words.has(key))]).toEqual([path, []])
      expect([path, schema.additionalProperties]).not.toEqual([path, false])
      expect([path, schema.default]).not.toEqual([path, ''])
    }
  })

  test('has rules in CEL only where the server is said to know them', () => {
    const withRules = vllmModelCrd({ rules: true })
    const ruled = everySchema(schemaOf(withRules)).filter(
      ([, schema]) => schema['x-kubernetes-validations'] !== undefined,
    )
    expect(ruled.map(([path]) => path)).toEqual([
      '.spec',
      '.spec.env',
      '.spec.startTimeout',
      '.spec.idleTimeout',
    ])
    expect(JSON.stringify(crd)).not.toContain('x-kubernetes-validations')
    expect(withRules.metadata).toEqual(crd.metadata)
  })

  test("shows what is loaded, in the original's columns and its own", () => {
    const columns = crd.spec.versions[0]!.additionalPrinterColumns
    const shown = columns.filter(({ priority = 0 }) => priority === 0).map(({ name }) => name)
    expect(shown).toEqual(['Model', 'Served As', 'Status', 'Backend', 'Last Used', 'Age'])
  })
})

describe('an installed CustomResourceDefinition', () => {
  test('is current when it is the one of this release, with rules or without', () => {
    const current = { current: true, missing: [], hasStatus: true }
    expect(compareCrd(crd)).toEqual(current)
    expect(compareCrd(vllmModelCrd({ rules: true }))).toEqual(current)
  })

  test('of another release is not current, but does as long as no field is missing', () => {
    const other = { ...crd, metadata: { name: crd.metadata.name } }
    expect(compareCrd(other)).toEqual({ current: false, missing: [], hasStatus: true })
  })

  test('of the original lacks fields, which are named', () => {
    const [version] = structuredClone(crd.spec.versions) as [(typeof crd.spec.versions)[0]]
    const properties = version.schema.openAPIV3Schema.properties as Record<string, StructuralSchema>
    const old = properties['spec']!.properties as Record<string, StructuralSchema>
    delete old['aliases']
    delete old['env']
    delete (properties['status']!.properties as Record<string, unknown>)['backend']
    const installed = { ...crd, spec: { versions: [version] } }
    expect(compareCrd(installed)).toEqual({
      current: false,
      missing: ['spec.aliases', 'spec.env', 'status.backend'],
      hasStatus: true,
    })
  })

  test('without this version, or without the status subresource, is of no use', () => {
    expect(compareCrd({ spec: { versions: [] } }).missing).toContain('spec')
    const [version] = crd.spec.versions
    const { subresources: _, ...bare } = version!
    const answer = compareCrd({ ...crd, spec: { versions: [bare] } })
    expect(answer).toEqual({ current: false, missing: [], hasStatus: false })
  })
})
