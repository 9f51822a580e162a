import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import { afterAll, describe, expect, it } from 'vitest'
import { manifestsOf } from '../../../examples/generate.ts'
import { overlays, wordsOf } from '../../../examples/kustomize/generated.ts'
import { helm, howToGet, kustomizer, outputOf } from '../../programs.ts'
import { variants } from './variants.ts'

const examples = join(import.meta.dirname, '../../../examples')
const chart = join(examples, 'helm/vllm-chill')
const scratch = mkdtempSync(join(tmpdir(), 'vllm-chill-install-'))
afterAll(() => rmSync(scratch, { recursive: true }))

if (helm === undefined) console.warn(`skipped: ${howToGet.helm}`)
if (kustomizer === undefined) console.warn(`skipped: ${howToGet.kustomizer}`)

interface Shown {
  kind: string
  metadata: { name: string }
}

/** By kind and name, since each tool has an order of its own. */
function byName(objects: readonly object[]): Record<string, object> {
  return Object.fromEntries(
    (objects as Shown[]).map((one) => [`${one.kind} ${one.metadata.name}`, one]),
  )
}

const objectsIn = (yaml: string) =>
  byName(
    parseAllDocuments(yaml)
      .map((document) => document.toJS() as object | null)
      .filter((object) => object !== null),
  )

/** Whose tool it was, and the text of the configuration where that says the same. */
function asHelmHasIt(objects: Record<string, object>): unknown {
  const text = JSON.stringify(objects, (key, value: unknown) => {
    if (key === 'app.kubernetes.io/managed-by') return undefined
    if (key === 'vllm-chill.efortin.github.io/config-hash') return 'of its text'
    return key === 'vllm-chill.yaml' ? (parse(String(value)) as unknown) : value
  })
  return JSON.parse(text)
}

describe.skipIf(kustomizer === undefined)('the kustomize overlays', () => {
  it.each(overlays.map(({ name, words }) => [name, words]))(
    'give what `vllm-chill manifests` gives: %s',
    async (name, words) => {
      const built = await outputOf(kustomizer, ['kustomize', join(examples, 'kustomize', name)])
      expect(objectsIn(built)).toEqual(byName(await manifestsOf(wordsOf(words))))
    },
  )

  it('take another namespace in one place', async () => {
    const folder = join(scratch, 'kustomize')
    cpSync(join(examples, 'kustomize'), folder, { recursive: true })
    const file = join(folder, 'managed/kustomization.yaml')
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace('\nnamespace: ai-apps\n', '\nnamespace: elsewhere\n'))
    const built = await outputOf(kustomizer, ['kustomize', join(folder, 'managed')])
    const words = '--namespace elsewhere --no-create-namespace --enable-model-switch'
    expect(objectsIn(built)).toEqual(byName(await manifestsOf(words)))
  })
})

describe.skipIf(helm === undefined)('the Helm chart', () => {
  const render = (values: object, ...words: readonly string[]) =>
    outputOf(
      helm,
      ['template', 'any', chart, '-n', 'ai-apps', '--include-crds', '--values', '-', ...words],
      JSON.stringify(values),
    )

  it.each(Object.entries(variants))(
    'gives what `vllm-chill manifests` gives: %s',
    async (_, { words, values }) => {
      const rendered = objectsIn(await render(values, '--kube-version', '1.31.0'))
      const made = byName(
        await manifestsOf(`--namespace ai-apps --no-create-namespace ${words}`.trim()),
      )
      expect(asHelmHasIt(rendered)).toEqual(asHelmHasIt(made))
    },
  )

  it('is well by its linter', async () => {
    const all = Object.assign({}, ...Object.values(variants).map(({ values }) => values)) as object
    const printed = await outputOf(
      helm,
      ['lint', '--strict', chart, '--values', '-', '--kube-version', '1.31.0'],
      JSON.stringify(all),
    )
    expect(printed).toContain('0 chart(s) failed')
  })

  it('takes another budget where the server is old', async () => {
    const rendered = await render({ podDisruptionBudget: true }, '--kube-version', '1.20.0')
    expect(rendered).toContain('apiVersion: policy/v1beta1\n')
  })

  it.each([
    ['a misspelt setting', { config: { idleTimout: '10m' } }, 'idleTimout'],
    ['a setting that is none', { config: { idleTimeout: 'long' } }, 'idleTimeout'],
    ['keys for everybody to read', { config: { apiKeys: ['sk-1'] } }, 'apiKeys'],
    ['no program at all', { replicas: 0 }, 'replicas'],
    ['a misspelt value', { networkPolicies: true }, 'networkPolicies'],
    ['a Secret without a name', { apiKeysSecret: { key: 'api-keys' } }, 'apiKeysSecret'],
  ])('refuses %s', async (_, values, named) => {
    await expect(render(values)).rejects.toThrow(named)
  })
})
