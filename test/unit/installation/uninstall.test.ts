import { beforeEach, describe, expect, it } from 'vitest'
import { installationManifests } from '../../../src/installation/index.ts'
import { uninstall, type UninstallOptions } from '../../../src/installation/uninstall.ts'
import { fakeApi } from './fake-api.ts'
import { everything, planOf } from './plans.ts'

const crd = 'CustomResourceDefinition vllmmodels.vllm.efortin.github.io'
const plan = planOf({ own: everything, flags: { idleTimeout: '1m' } })

function backend(kind: string, name: string, installation = 'ai-apps/vllm-chill') {
  return {
    kind,
    metadata: {
      name,
      labels: {
        'app.kubernetes.io/managed-by': 'vllm-chill',
        'app.kubernetes.io/component': 'inference',
      },
      annotations: { 'vllm-chill.efortin.github.io/installation': installation },
    },
  }
}

describe('uninstall', () => {
  let fake: ReturnType<typeof fakeApi>
  let told: string[]
  let models: string[]
  const run = (more: Partial<UninstallOptions> = {}) =>
    uninstall({
      cluster: {
        api: fake.api,
        plan: planOf(),
        inCluster: false,
        modelsEverywhere: () => Promise.resolve(models),
      },
      timeoutMs: 50,
      tell: (line) => told.push(line),
      ...more,
    })
  const left = () => [...fake.objects.keys()]

  beforeEach(() => {
    told = []
    models = []
    fake = fakeApi([
      ...installationManifests(plan),
      { kind: 'Lease', metadata: { name: 'vllm-chill' } },
      backend('Deployment', 'vllm'),
      backend('ConfigMap', 'vllm-config'),
      backend('Service', 'vllm-svc'),
    ])
  })

  it('removes all that was installed, whatever was asked for at the time, and what the program made', async () => {
    await run()
    expect(left()).toEqual(['Namespace ai-apps', crd])
    expect(told.at(-1)).toContain('--crd')
  })

  it('removes the program first and its rights last', async () => {
    await run()
    const at = (step: string) => fake.done.indexOf(step)
    expect(at('remove Deployment vllm-chill')).toBe(0)
    expect(at('remove Deployment vllm')).toBe(1)
    expect(at('remove Role vllm-chill')).toBeGreaterThan(at('remove Service vllm-svc'))
  })

  it('leaves what is of others', async () => {
    fake.objects.set('Service vllm-svc', backend('Service', 'vllm-svc', 'ai-apps/other'))
    fake.objects.set('Service vllm-chill', { kind: 'Service', metadata: { name: 'vllm-chill' } })
    await run()
    expect(left()).toContain('Service vllm-svc')
    expect(left()).toContain('Service vllm-chill')
    expect(told).toContain('Service vllm-chill stays: it was not made by this installation')
  })

  it('wants to be told that models may go too', async () => {
    models = ['ai-apps/qwen', 'research/deepseek']
    await expect(run({ crd: true })).rejects.toThrow(/ai-apps\/qwen, research\/deepseek.*--yes/)
    expect(fake.done).toEqual([])
    await run({ crd: true, yes: true })
    expect(left()).toEqual(['Namespace ai-apps'])
    expect(told).toContain('VLLMModel research/deepseek goes with the definition')
  })

  it('needs no yes where there are no models', async () => {
    await run({ crd: true })
    expect(left()).not.toContain(crd)
  })

  it('only says what it would do in a dry run', async () => {
    const before = left()
    await run({ dryRun: true, crd: true })
    expect(left()).toEqual(before)
    expect(told).toContain('Deployment vllm would be removed')
    expect(told).toContain(`${crd} would be removed`)
  })

  it('says that there is nothing where there is nothing', async () => {
    fake.objects.clear()
    await run()
    expect(told).toEqual(['Nothing of installation vllm-chill is in namespace ai-apps'])
  })

  it('says when pods do not end in time', async () => {
    const { api } = fake
    const stubborn = { ...api, remove: () => Promise.resolve(true) } as typeof api
    const cluster = {
      api: stubborn,
      plan,
      inCluster: false,
      modelsEverywhere: () => Promise.resolve(models),
    }
    await expect(run({ cluster, timeoutMs: -1 })).rejects.toThrow(
      /^Deployment vllm-chill: what belongs to it has not ended/,
    )
  })
})
