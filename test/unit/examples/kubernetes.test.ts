import { readFileSync } from 'node:fs'
import { parseAllDocuments } from 'yaml'
import { describe, expect, it } from 'vitest'
import { exampleFiles, staleExamples } from '../../../examples/generate.ts'
import { parseManifests } from '../../../src/catalogue/index.ts'

const textOf = (file: string) =>
  readFileSync(new URL(`../../../examples/${file}`, import.meta.url), 'utf8')

const fine = { errors: [], warnings: [] }

describe('the manifests below examples/', () => {
  it('are as the program makes them', async () => {
    const stale = await staleExamples()
    expect(stale.map(({ file }) => file.pathname)).toEqual([])
  })

  it.each(exampleFiles)('are YAML that nothing has to be guessed of: %s', (file) => {
    const documents = parseAllDocuments(textOf(file), { schema: 'yaml-1.1' })
    expect(documents.length).toBeGreaterThan(4)
    const newer = parseAllDocuments(textOf(file), { schema: 'core' })
    expect(documents.map((one) => one.toJS())).toEqual(newer.map((one) => one.toJS()))
    for (const { errors, warnings } of documents) expect({ errors, warnings }).toEqual(fine)
  })

  it('bring two models where models are switched', () => {
    const { models, problems } = parseManifests(
      textOf('kubernetes-with-model-switching.yaml'),
      'example',
    )
    expect(models.map(({ model }) => model.spec.servedModelName)).toEqual([
      'qwen3-coder-30b-fp8',
      'deepseek-r1-fp8',
    ])
    expect(problems).toEqual([])
  })
})
