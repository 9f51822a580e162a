import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import {
  ApiextensionsV1Api,
  AppsV1Api,
  CoreV1Api,
  CustomObjectsApi,
  RbacAuthorizationV1Api,
} from '@kubernetes/client-node'
import { parseAllDocuments } from 'yaml'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exampleFiles } from '../../examples/generate.ts'
import { main } from '../../src/cli/main.ts'
import { connect, createApi, type Api } from '../../src/drivers/kubernetes/index.ts'
import type { Check } from '../../src/installation/index.ts'
import { kubectl } from '../programs.ts'
import { fakeTerminal } from '../unit/cli/terminals.ts'
import { findBinaries, howToGetBinaries } from './binaries/index.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { eventually } from './control-plane/index.ts'
import { serviceMonitors } from './service-monitors.ts'

if (findBinaries() === undefined) console.warn(`skipped: ${howToGetBinaries}`)
if (kubectl === undefined) {
  console.warn('skipped: what kubectl says; `apt-get install kubernetes-client` brings it')
}

const namespace = 'ai-apps'
const crdName = 'vllmmodels.vllm.efortin.github.io'
/** What this server is; a few words differ for it. */
const forThisServer = ['--kube-version', '1.20']

const variants = {
  'as by default': '',
  'with model switching and settings': '--enable-model-switch --idle-timeout 10m',
  'with keys and tokens':
    '--api-keys-secret keys --operations-token-secret operators/token --program-pull-secret registry',
  'reached from outside':
    '--ingress-host llm.example.com --ingress-class nginx --ingress-tls-secret tls',
  'locked down': '--network-policy --pod-disruption-budget --replicas 2',
  watched: '--operations-port 9000 --service-monitor',
}

describe.skipIf(findBinaries() === undefined)('an installation', () => {
  let cluster: Cluster
  let api: Api

  const run = async (words: readonly string[], kubeconfig?: string) => {
    const terminal = fakeTerminal()
    const where = kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig]
    const code = await main(['node', 'vllm-chill', ...words, ...where], terminal)
    return { code, printed: terminal.printed.join('\n'), said: terminal.said.join('') }
  }
  const asAdmin = (...words: readonly string[]) => run(words, cluster.plane.admin)
  const doctor = async (kubeconfig: string, ...words: readonly string[]) => {
    const place = ['--namespace', namespace, '--json', ...words]
    const { code, printed } = await run(['doctor', ...place], kubeconfig)
    const checks = JSON.parse(printed) as Check[]
    return { code, checks, of: (what: string) => checks.find((one) => one.what.startsWith(what)) }
  }

  beforeAll(async () => {
    cluster = await startCluster()
    const log = { info: () => undefined, warn: console.warn, error: console.error }
    api = createApi(connect({ kubeconfig: cluster.plane.admin }), { namespace, log })
    await api.apply(serviceMonitors)
  })
  afterAll(() => cluster?.stop())

  describe('as manifests', () => {
    it.each(Object.entries(variants))('is accepted by the server: %s', async (_, words) => {
      const flags = ['--namespace', namespace, ...forThisServer, ...words.split(' ')].filter(
        (word) => word !== '',
      )
      const { printed } = await run(['manifests', ...flags])
      const manifests = parseAllDocuments(printed).map((document) => document.toJS())
      expect(manifests.length).toBeGreaterThan(5)
      // Stricter than a create: what the server does not know it refuses.
      for (const manifest of manifests) await api.apply(manifest, { dryRun: true, force: true })
    })

    it.skipIf(kubectl === undefined)(
      'is accepted by kubectl, without a word about it',
      async () => {
        const { printed } = await run(['manifests', '--namespace', namespace])
        const answer = await apply(cluster.plane.admin, printed, '--dry-run=server')
        expect(answer.code, answer.said).toBe(0)
        expect(answer.printed).toContain('deployment.apps/vllm-chill created (server dry run)')
      },
    )

    it.skipIf(kubectl === undefined).each(exampleFiles)(
      'stands below examples/: %s',
      async (file) => {
        // Of budgets this server knows only an older version.
        const documents = parseAllDocuments(textOf(file))
        const known = documents.filter((one) => one.get('apiVersion') !== 'policy/v1')
        const own = known.filter((one) => one.get('kind') !== 'VLLMModel')
        const printed = own.map(String).join('---\n')
        const answer = await apply(cluster.plane.admin, printed, '--dry-run=server')
        expect(answer.code, answer.said).toBe(0)
      },
    )
  })

  describe('in a cluster where nothing is yet', () => {
    it('is missed by the doctor, line by line', async () => {
      const { code, of } = await doctor(cluster.plane.admin, '--enable-model-switch')
      expect(code).toBe(1)
      expect(of('CustomResourceDefinition')).toMatchObject({
        verdict: 'wrong',
        found: 'is not installed',
      })
      expect(of('Program')).toMatchObject({ verdict: 'note', found: 'is not installed here' })
      expect(of('Kubernetes')).toMatchObject({ verdict: 'ok', found: 'is version v1.20.2' })
      expect(of('Namespace')).toMatchObject({ verdict: 'ok' })
    })

    it('has a service account without rights, and the doctor names each', async () => {
      const { code, of } = await doctor(cluster.plane.serviceAccount(), '--enable-model-switch')
      expect(code).toBe(1)
      expect(of('Right to deployments/scale')).toMatchObject({
        verdict: 'wrong',
        found: 'get, update not allowed in namespace ai-apps',
      })
      expect(of('Namespace')).toMatchObject({ verdict: 'unknown' })
    })

    it('is not reached where nobody listens', async () => {
      const away = await cluster.plane.kubeconfigFor('https://127.0.0.1:1', cluster.plane.admin)
      const { code, checks } = await doctor(away)
      expect(code).toBe(1)
      expect(checks).toMatchObject([
        { what: 'API server', verdict: 'wrong', found: expect.stringContaining('ECONNREFUSED') },
      ])
    }, 60_000)

    it('is only shown by a dry run', async () => {
      const { code, printed } = await asAdmin('install', '--namespace', namespace, '--dry-run')
      expect(code).toBe(0)
      expect(printed).toContain('Deployment vllm-chill would be created')
      const extensions = cluster.plane.client.makeApiClient(ApiextensionsV1Api)
      await expect(
        extensions.readCustomResourceDefinition({ name: crdName }),
      ).rejects.toMatchObject({ code: 404 })
    })

    it('is not begun where something else has its name', async () => {
      const rbac = cluster.plane.client.makeApiClient(RbacAuthorizationV1Api)
      const place = { namespace, name: 'vllm-chill' }
      const body = { metadata: { name: 'vllm-chill' }, rules: [] }
      await rbac.createNamespacedRole({ namespace, body })
      const { code, said } = await asAdmin('install', '--namespace', namespace)
      expect(code).toBe(1)
      expect(said).toContain('Role vllm-chill: not made by this installation')
      await rbac.deleteNamespacedRole(place)
      const accounts = cluster.plane.client.makeApiClient(CoreV1Api)
      await expect(accounts.readNamespacedServiceAccount(place)).rejects.toMatchObject({
        code: 404,
      })
    })
  })

  describe('that fails', () => {
    it('says why the pod cannot start', async () => {
      const takeBack = cluster.node.misbehave({ pod: 'vllm-chill' }, { kind: 'no image' })
      const { code, said } = await asAdmin('install', '--namespace', namespace)
      takeBack()
      expect(code).toBe(1)
      expect(said).toMatch(/Deployment vllm-chill: pod vllm-chill-\S+: ImagePullBackOff/)
      await asAdmin('uninstall', '--namespace', namespace)
    })

    it('says that the key is missing that it shall mount', async () => {
      const words = ['--operations-token-secret', 'nowhere']
      const { code, said } = await asAdmin('install', '--namespace', namespace, ...words)
      expect(code).toBe(1)
      expect(said).toContain('CreateContainerConfigError: secret "nowhere" not found')
      await asAdmin('uninstall', '--namespace', namespace)
    })
  })

  describe('from beginning to end', () => {
    const words = ['--namespace', namespace, '--enable-model-switch', '--idle-timeout', '20m']

    it('comes up, under its own service account and its own rights', async () => {
      const { code, printed, said } = await asAdmin('install', ...words)
      expect(code, said).toBe(0)
      expect(printed).toContain('Role vllm-chill created')
      expect(printed).toContain('Deployment vllm-chill is available: /readyz answers')
    })

    it('answers as it was configured', async () => {
      const core = cluster.plane.client.makeApiClient(CoreV1Api)
      const labelSelector = 'app.kubernetes.io/name=vllm-chill'
      const { items } = await core.listNamespacedPod({ namespace, labelSelector })
      expect(items).toHaveLength(1)
      const url = `http://${items[0]?.status?.podIP}:8080`
      expect((await fetch(`${url}/readyz`)).status).toBe(200)
      expect(await (await fetch(`${url}/proxy/status`)).json()).toMatchObject({
        backends: [{ name: 'vllm' }],
      })
    })

    it('is well by the doctor, who reads its configuration from the cluster', async () => {
      const { code, checks, of } = await doctor(cluster.plane.admin)
      expect(checks.filter(({ verdict }) => verdict === 'wrong')).toEqual([])
      expect(code).toBe(0)
      expect(of('CustomResourceDefinition')).toMatchObject({ found: 'is installed and current' })
      expect(of('Program')).toMatchObject({ verdict: 'ok' })
      expect(of('Role')).toMatchObject({ verdict: 'ok' })
      // Asked only where models are switched.
      expect(of('Right to configmaps')?.found).toContain('create')
      const own = await doctor(cluster.plane.serviceAccount())
      expect(own.checks.filter(({ verdict }) => verdict === 'wrong')).toEqual([])
    })

    it('changes nothing the second time', async () => {
      const { code, printed } = await asAdmin('install', ...words)
      expect(code).toBe(0)
      expect(printed).not.toMatch(/created|changed/)
      expect(printed).toContain('Deployment vllm-chill is as it should be')
    })

    it('shows the one field that another setting changes, and then changes it', async () => {
      const other = [...words.slice(0, -1), '30m']
      const tried = await asAdmin('install', ...other, '--dry-run')
      expect(tried.printed).toContain('ConfigMap vllm-chill would be changed')
      expect(tried.printed).toContain('idleTimeout: 30m')
      expect(tried.printed).toContain('Nothing was changed.')
      const done = await asAdmin('install', ...other)
      expect(done.code, done.said).toBe(0)
      expect(done.printed).toContain('Deployment vllm-chill changed')
    })

    it('names who has a field, and takes it over only when told to', async () => {
      const apps = cluster.plane.client.makeApiClient(AppsV1Api)
      const place = { namespace, name: 'vllm-chill' }
      const live = await apps.readNamespacedDeployment(place)
      live.spec!.template.spec!.terminationGracePeriodSeconds = 1
      await apps.replaceNamespacedDeployment({ ...place, body: live, fieldManager: 'somebody' })
      const refused = await asAdmin('install', ...words)
      expect(refused.code).toBe(1)
      expect(refused.said).toMatch(/terminationGracePeriodSeconds.*somebody.*--force/)
      const forced = await asAdmin('install', ...words, '--force')
      expect(forced.code, forced.said).toBe(0)
    })

    it('goes again, and leaves the models where they are', async () => {
      const models = cluster.plane.client.makeApiClient(CustomObjectsApi)
      const place = { group: 'vllm.efortin.github.io', version: 'v1alpha1', plural: 'vllmmodels' }
      await models.createNamespacedCustomObject({
        ...place,
        namespace,
        body: {
          apiVersion: 'vllm.efortin.github.io/v1alpha1',
          kind: 'VLLMModel',
          metadata: { name: 'qwen' },
          spec: { modelName: 'org/qwen', servedModelName: 'qwen' },
        },
      })
      const { code, printed, said } = await asAdmin('uninstall', '--namespace', namespace)
      expect(code, said).toBe(0)
      expect(printed).toContain('Deployment vllm-chill removed')
      const core = cluster.plane.client.makeApiClient(CoreV1Api)
      await eventually(
        async () => (await core.listNamespacedPod({ namespace })).items.length === 0,
        {
          what: 'no pod is left',
        },
      )
      const list = (await models.listNamespacedCustomObject({ ...place, namespace })) as {
        items: object[]
      }
      expect(list.items).toHaveLength(1)
      const refused = await asAdmin('uninstall', '--namespace', namespace, '--crd')
      expect(refused.said).toContain('ai-apps/qwen')
      expect(refused.code).toBe(1)
      const gone = await asAdmin('uninstall', '--namespace', namespace, '--crd', '--yes')
      expect(gone.code, gone.said).toBe(0)
      const { of } = await doctor(cluster.plane.admin)
      expect(of('CustomResourceDefinition')).toMatchObject({ found: 'is not installed' })
    })
  })

  it.skipIf(kubectl === undefined)(
    'by the seed of all examples serves a model, and then the other one on the same GPU',
    async () => {
      const example = textOf('kubernetes-with-model-switching.yaml')
      // The first time kubectl does not know VLLMModels yet, as the example says.
      await apply(cluster.plane.admin, example)
      const crd = () => api.get('CustomResourceDefinition', crdName)
      const established = { type: 'Established', status: 'True' }
      await eventually(
        async () => (await crd())?.status?.conditions?.some((one) => isLike(one, established)),
        { what: 'VLLMModels are known' },
      )
      const second = await apply(cluster.plane.admin, example)
      expect(second.code, second.said).toBe(0)
      const { metadata, status } = await eventually(
        async () => {
          const pods = await api.list('Pod', { labelSelector: 'app.kubernetes.io/name=vllm-chill' })
          return pods.find((pod) => pod.status?.conditions?.some((one) => isLike(one, ready)))
        },
        { what: 'the program is ready' },
      )
      expect(metadata?.name).toContain('vllm-chill')
      for (const model of ['qwen3-coder-30b-fp8', 'deepseek-r1-fp8']) {
        const response = await fetch(`http://${status?.podIP}:8080/v1/chat/completions`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }] }),
        })
        const body = await response.text()
        expect(response.status, body).toBe(200)
        expect(JSON.parse(body)).toMatchObject({ model })
      }
      const gone = await asAdmin('uninstall', '--namespace', namespace, '--crd', '--yes')
      expect(gone.code, gone.said).toBe(0)
      expect(gone.printed).toContain('Deployment vllm removed')
      expect(await api.list('Pod')).toEqual([])
    },
  )
})

const ready = { type: 'Ready', status: 'True' }

const isLike = (
  one: { readonly type: string; readonly status: string },
  other: { readonly type: string; readonly status: string },
) => one.type === other.type && one.status === other.status

const textOf = (file: string) =>
  readFileSync(new URL(`../../examples/${file}`, import.meta.url), 'utf8')

/** `kubectl apply` of what stands on its standard input. */
async function apply(kubeconfig: string, manifests: string, ...flags: readonly string[]) {
  const words = ['--kubeconfig', kubeconfig, 'apply', ...flags, '-f', '-']
  const child = spawn(kubectl ?? '', words, { stdio: 'pipe' })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  child.stdin.end(manifests)
  const [printed, said] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { code: await ended, printed, said }
}
