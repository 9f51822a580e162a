import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { overlays } from '../../examples/kustomize/generated.ts'
import { main } from '../../src/cli/main.ts'
import { connect, createApi, type Api } from '../../src/drivers/kubernetes/index.ts'
import type { Check } from '../../src/installation/index.ts'
import { variants } from '../integration/examples/variants.ts'
import { helm, howToGet, kubectl, kustomizer, outputOf } from '../programs.ts'
import { fakeTerminal } from '../unit/cli/terminals.ts'
import { findBinaries, howToGetBinaries } from './binaries/index.ts'
import { startCluster, type Cluster } from './cluster.ts'
import { eventually } from './control-plane/index.ts'
import { serviceMonitors } from './service-monitors.ts'

if (findBinaries() === undefined) console.warn(`skipped: ${howToGetBinaries}`)
if (helm === undefined) console.warn(`skipped: ${howToGet.helm}`)
if (kustomizer === undefined) console.warn(`skipped: ${howToGet.kustomizer}`)

const namespace = 'ai-apps'
const examples = join(import.meta.dirname, '../../examples')
const chart = join(examples, 'helm/vllm-chill')

type Applied = Parameters<Api['apply']>[0]

describe.skipIf(findBinaries() === undefined)('an installation by others than the program', () => {
  const home = mkdtempSync(join(tmpdir(), 'vllm-chill-helm-'))
  let cluster: Cluster
  let api: Api

  beforeAll(async () => {
    // The program has the time to start that its probes give it.
    cluster = await startCluster({ node: { haste: 2 } })
    const log = { info: () => undefined, warn: console.warn, error: console.error }
    api = createApi(connect({ kubeconfig: cluster.plane.admin }), { namespace, log })
    await api.apply(serviceMonitors)
  })
  afterAll(async () => {
    await cluster?.stop()
    rmSync(home, { recursive: true })
  })

  const doctor = async (...words: readonly string[]) => {
    const terminal = fakeTerminal()
    const place = ['--namespace', namespace, '--kubeconfig', cluster.plane.admin]
    await main(['node', 'vllm-chill', 'doctor', '--json', ...place, ...words], terminal)
    const checks = JSON.parse(terminal.printed.join('\n')) as Check[]
    return checks.filter(({ verdict }) => verdict === 'wrong')
  }

  /** Stricter than a create: what the server does not know it refuses. */
  const tryAll = async (yaml: string) => {
    const objects = parseAllDocuments(yaml).map((document) => document.toJS() as Applied | null)
    expect(objects.length).toBeGreaterThan(5)
    for (const object of objects) {
      if (object !== null) await api.apply(object, { dryRun: true, force: true })
    }
  }

  it.skipIf(kustomizer === undefined).each(overlays.map(({ name }) => name))(
    'by kustomize is accepted by the server and by kubectl: %s',
    async (name) => {
      const folder = join(examples, 'kustomize', name)
      const built = await outputOf(kustomizer, ['kustomize', folder])
      await tryAll(built)
      const place = ['--kubeconfig', cluster.plane.admin, '--dry-run=server', '-f', '-']
      expect(await outputOf(kubectl, ['apply', ...place], built)).toContain(
        'deployment.apps/vllm-chill created (server dry run)',
      )
    },
  )

  describe.skipIf(helm === undefined)('by Helm', () => {
    const run = (words: readonly string[], values: object = {}) =>
      outputOf(
        helm,
        [
          ...words,
          `--namespace=${namespace}`,
          `--kubeconfig=${cluster.plane.admin}`,
          ...(words[0] === 'uninstall' ? [] : ['--values', '-']),
        ],
        JSON.stringify(values),
        { HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home },
      )

    it.each(Object.entries(variants))('is accepted by the server: %s', async (_, { values }) => {
      const server = ['--kube-version', '1.20.2', '--include-crds']
      await tryAll(await run(['template', 'any', chart, ...server], values))
    })

    it('comes up, follows its values, and goes again', { timeout: 150_000 }, async () => {
      const config = { enableModelSwitch: true, idleTimeout: '20m' }
      const wait = ['--wait', '--timeout', '60s']
      const notes = await run(['install', 'chill', chart, ...wait], { config })
      expect(notes).toContain('is installed as vllm-chill in ai-apps')
      expect(await doctor('--enable-model-switch')).toEqual([])
      const pods = () => api.list('Pod', { labelSelector: 'app.kubernetes.io/name=vllm-chill' })
      const [pod] = await pods()
      expect((await fetch(`http://${pod?.status?.podIP}:8080/readyz`)).status).toBe(200)

      await run(['upgrade', 'chill', chart, ...wait], { config: { ...config, idleTimeout: '30m' } })
      await eventually(
        async () => {
          const now = await pods()
          return now.length === 1 && now[0]?.metadata?.name !== pod?.metadata?.name
        },
        { what: 'the pod is another one' },
      )
      const map = await api.get('ConfigMap', 'vllm-chill')
      expect(map?.data?.['vllm-chill.yaml']).toContain('idleTimeout: 30m')

      await run(['uninstall', 'chill', '--wait'])
      await eventually(async () => (await pods()).length === 0, { what: 'no pod is left' })
      // The models are somebody's, so what describes them stays.
      expect(
        await api.get('CustomResourceDefinition', 'vllmmodels.vllm.efortin.github.io'),
      ).toBeDefined()
    })
  })
})
