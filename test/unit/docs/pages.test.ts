import { readFileSync } from 'node:fs'
import { parseAllDocuments } from 'yaml'
import { describe, expect, test } from 'vitest'
import { staleFiles } from '../../../docs/generate.ts'
import { modelSchema, parseManifests, validateManifests } from '../../../src/catalogue/index.ts'
import { loadSettings } from '../../../src/config/index.ts'
import { placesOf, validatePod } from '../../../src/drivers/kubernetes/index.ts'

const examples = ['configuration.md', 'models.md', 'switching.md'].flatMap((name) => {
  const page = readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8')
  return Array.from(page.matchAll(/```yaml\n([\s\S]*?)```/g), ([, text = '']) => text)
})

describe('the pages', () => {
  test('say what the code says', async () => {
    const stale = await staleFiles()
    expect(stale.map(({ file }) => file.pathname)).toEqual([])
  })

  test.each(examples)('show manifests and configurations that are valid: %s', (text) => {
    const [document] = parseAllDocuments(text)
    if (document?.has('kind')) {
      const { models, problems } = parseManifests(text, 'example')
      expect(problems).toEqual([])
      expect(models).not.toEqual([])
      return
    }
    const readFile = (path: string) => (path === '/c.yaml' ? text : 'secret')
    const settings = loadSettings({ flags: { config: '/c.yaml' }, env: {}, cwd: '/', readFile })
    if (settings.driver === 'process') {
      expect(settings.models).toBe('/models')
      return
    }
    const model = modelSchema.parse({
      apiVersion: 'vllm.efortin.github.io/v1alpha1',
      kind: 'VLLMModel',
      metadata: { name: 'any' },
      spec: { modelName: 'org/any', servedModelName: 'any' },
    })
    const places = Object.values(placesOf(settings, settings.namespace, 'ai-apps/vllm-chill'))
    expect(places).not.toEqual([])
    for (const place of places) expect(validatePod(place, model)).toEqual([])
  })
})

describe('the demo', () => {
  const demo = new URL('../../../examples/demo/', import.meta.url)

  test('is a valid configuration of this program, with its models beside it', () => {
    const config = new URL('vllm-chill.yaml', demo).pathname
    const settings = loadSettings({ flags: { config }, env: {} })
    expect(`${settings.models}/`).toBe(new URL('models/', demo).pathname)
    expect(settings.host).toBe('127.0.0.1')
    expect(settings.backends[0]?.command.slice(0, 2)).toEqual(['vllm-chill', 'simulate'])
  })

  test('has the two models of the README, and no problem', async () => {
    const { models, problems } = await validateManifests([new URL('models', demo).pathname])
    expect(problems).toEqual([])
    expect(models.map(({ name }) => name)).toEqual(['deepseek-r1-fp8', 'qwen3-coder-30b-fp8'])
  })
})

describe('the example of a pool', () => {
  const pool = new URL('../../../examples/pool/', import.meta.url)

  test('is a valid configuration: three backends that do not fit side by side', async () => {
    const config = new URL('vllm-chill.yaml', pool).pathname
    const { models, gpuPools, backends } = loadSettings({ flags: { config }, env: {} })
    expect(`${models}/`).toBe(new URL('models/', pool).pathname)
    const needed = backends.reduce((sum, { poolGpus }) => sum + poolGpus, 0)
    expect(needed).toBeGreaterThan(gpuPools['main']!.gpus)
    const found = await validateManifests([new URL('models', pool).pathname])
    expect(found.problems).toEqual([])
    const served = backends.flatMap((backend) => backend.models ?? [])
    expect(found.models.map(({ name }) => name).toSorted()).toEqual(served.toSorted())
  })
})
