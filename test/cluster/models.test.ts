import { readFileSync, globSync } from 'node:fs'
import { request } from 'node:https'
import { json } from 'node:stream/consumers'
import fc from 'fast-check'
import { CoreV1Api, RbacAuthorizationV1Api } from '@kubernetes/client-node'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import {
  checkManifest,
  compareCrd,
  crdName,
  parseManifests,
  vllmModelCrd,
  type VllmModel,
} from '../../src/catalogue/index.ts'
import {
  ApiFault,
  connect,
  createApi,
  createModelStatus,
  openClusterCatalogue,
  type Api,
  type ModelReport,
  type VllmModelObject,
} from '../../src/drivers/kubernetes/index.ts'
import { anySpec } from '../unit/catalogue/any-spec.ts'
import { findBinaries, howToGetBinaries } from './binaries/index.ts'
import { eventually, startControlPlane, type ControlPlane } from './control-plane/index.ts'

if (findBinaries() === undefined) console.warn(`skipped: ${howToGetBinaries}`)

const namespace = 'ai-apps'
const log = { info() {}, warn() {}, error() {} }
const defaults = { idleTimeoutMs: 300_000, startTimeoutMs: 600_000 }

function manifest(name: string, spec: object = {}): VllmModelObject {
  return {
    apiVersion: 'vllm.efortin.github.io/v1alpha1',
    kind: 'VLLMModel',
    metadata: { name, namespace },
    spec: { modelName: `org/${name}`, servedModelName: name, ...spec },
  }
}

/** With all the fields that the original knows, and those of its status. */
const original: VllmModelObject = {
  ...manifest('original', {
    toolCallParser: 'qwen3_coder',
    reasoningParser: '',
    tensorParallelSize: 2,
    maxModelLen: 65_536,
    // Which the original took for missing.
    gpuMemoryUtilization: 1,
    enableChunkedPrefill: true,
    maxNumBatchedTokens: 4096,
    maxNumSeqs: 16,
    dtype: 'float16',
    disableCustomAllReduce: true,
    enablePrefixCaching: true,
    cpuOffloadGB: 0,
    enableAutoToolChoice: true,
  }),
  status: { phase: 'Ready', lastUpdated: '2025-01-01T00:00:00Z', message: 'Model is ready' },
}

/** Every manifest that the project shows: files of the examples, blocks of the pages. */
function shownManifests(): [string, VllmModel][] {
  const root = new URL('../..', import.meta.url).pathname
  const files = globSync(['examples/**/*.yaml', 'docs/*.md', 'README.md'], { cwd: root })
  return files.flatMap((file) => {
    const text = readFileSync(`${root}/${file}`, 'utf8')
    const blocks = file.endsWith('.md')
      ? Array.from(text.matchAll(/```yaml\n([\s\S]*?)```/g), ([, block = '']) => block)
      : [text]
    return blocks.flatMap((block) =>
      parseManifests(block, file).models.map(({ model }): [string, VllmModel] => [
        `${file}: ${model.metadata.name}`,
        model,
      ]),
    )
  })
}

describe.skipIf(findBinaries() === undefined)('VLLMModels in a cluster', () => {
  let plane: ControlPlane
  let api: Api

  beforeAll(async () => {
    plane = await startControlPlane()
    api = createApi(connect({ kubeconfig: plane.admin }), { namespace, log })
    await api.apply(vllmModelCrd())
    await eventually(
      async () =>
        (await api.get('CustomResourceDefinition', crdName))?.status?.conditions?.some(
          ({ type, status }) => type === 'Established' && status === 'True',
        ),
      { what: 'the CustomResourceDefinition is established' },
    )
    await eventually(() => api.list('VLLMModel'), { what: 'VLLMModels are served' })
  })
  afterAll(() => plane?.stop())

  beforeEach(async () => {
    for (const { metadata } of await api.list('VLLMModel')) {
      await api.remove('VLLMModel', metadata.name ?? '')
    }
  })

  const dryRun = (object: VllmModelObject) => api.apply(object, { dryRun: true })

  /** Not by an apply: this server knows the types of its fields before it looks at the schema. */
  async function refusal(object: VllmModelObject): Promise<readonly string[]> {
    const fault = await api.create(object).then(
      () => undefined,
      (error: unknown) => error,
    )
    return fault instanceof ApiFault ? fault.causes.map(({ field }) => field) : []
  }

  describe('the CustomResourceDefinition', () => {
    it('is taken as it is, and is the current one', async () => {
      const installed = (await api.get('CustomResourceDefinition', crdName))!
      expect(compareCrd(installed)).toEqual({ current: true, missing: [], hasStatus: true })
      const conditions = installed.status?.conditions?.map(({ type, status }) => [type, status])
      expect(conditions).toEqual([
        ['NamesAccepted', 'True'],
        ['Established', 'True'],
      ])
    })

    it.each(shownManifests())('takes what is shown in %s', async (_, model) => {
      const { metadata, ...others } = model
      const object = { ...others, metadata: { name: metadata.name, namespace } }
      await expect(dryRun(object)).resolves.toMatchObject({ spec: model.spec })
    })

    it('takes what the original took, and keeps all of it', async () => {
      const { status: _, ...written } = original
      const stored = await api.create(written)
      expect(stored.spec).toMatchObject(original.spec as object)
      const { models, problems } = checkManifest(stored, 'ai-apps/original')
      expect(problems).toEqual([])
      expect(models[0]?.model.spec).toMatchObject(original.spec as object)
      const { status } = original
      const patched = await api.patch(
        'VLLMModel',
        'original',
        { status },
        { subresource: 'status' },
      )
      expect(patched.status).toEqual(status)
    })

    it.each<[string, object]>([
      ['spec.modelName', { modelName: undefined }],
      ['spec.modelName', { modelName: '' }],
      ['spec.servedModelName', { servedModelName: '--flag' }],
      ['spec.servedModelName', { servedModelName: 7 }],
      ['spec.aliases', { aliases: ['-x'] }],
      ['spec.aliases[1]', { aliases: ['x', 'x'] }],
      ['spec.toolCallParser', { toolCallParser: 'none' }],
      ['spec.reasoningParser', { reasoningParser: 'r2' }],
      ['spec.tensorParallelSize', { tensorParallelSize: 0 }],
      ['spec.maxModelLen', { maxModelLen: 511 }],
      ['spec.maxModelLen', { maxModelLen: '32k' }],
      ['spec.gpuMemoryUtilization', { gpuMemoryUtilization: 1.01 }],
      ['spec.gpuMemoryUtilization', { gpuMemoryUtilization: 0.09 }],
      ['spec.enableChunkedPrefill', { enableChunkedPrefill: 'yes' }],
      ['spec.maxNumBatchedTokens', { maxNumBatchedTokens: 0 }],
      ['spec.maxNumSeqs', { maxNumSeqs: 1.5 }],
      ['spec.dtype', { dtype: 'float8' }],
      ['spec.cpuOffloadGB', { cpuOffloadGB: -1 }],
      ['spec.extraArgs', { extraArgs: [1] }],
      ['spec.env.DEBUG', { env: { DEBUG: 1 } }],
      ['spec.startTimeout', { startTimeout: '5 minutes' }],
      ['spec.idleTimeout', { idleTimeout: '5' }],
      ['spec.priority', { priority: 'high' }],
      ['spec.maxInFlight', { maxInFlight: 0 }],
      ['spec.command', { command: [] }],
      ['spec.command', { command: ['vllm', 1] }],
      ['spec.image', { image: '' }],
      ['spec.gpuCount', { gpuCount: -1 }],
      ['spec.podTemplate', { podTemplate: 'hostNetwork' }],
    ])('refuses a wrong %s by its path: %j', async (path, spec) => {
      const object = manifest('wrong', spec)
      expect(checkManifest(object, 'x').problems).not.toEqual([])
      expect(await refusal(object)).toEqual([path])
    })

    it('takes every spec that the program takes, and fills in the same', async () => {
      const taken = anySpec.filter(
        (spec) => checkManifest(manifest('any', spec), 'x').problems.length === 0,
      )
      await fc.assert(
        fc.asyncProperty(taken, async (spec) => {
          const object = manifest('any', spec)
          const stored = await dryRun(object)
          const ours = checkManifest(object, 'x').models[0]!.model.spec
          expect(checkManifest(stored, 'x').models[0]?.model.spec).toEqual(ours)
          // Only an empty text, which stands for nothing, is not filled in.
          const filledIn = Object.entries(ours).filter(
            ([field, value]) => value !== '' || Object.hasOwn(spec, field),
          )
          expect(stored.spec).toEqual(Object.fromEntries(filledIn))
        }),
        { numRuns: 200 },
      )
    })

    it('shows what is loaded, in columns', async () => {
      await api.create(manifest('a'))
      const status = { phase: 'Ready', backend: 'vllm', lastUsed: new Date().toISOString() }
      await api.patch('VLLMModel', 'a', { status }, { subresource: 'status' })
      const { columnDefinitions, rows } = await asTable(plane)
      const byDefault = columnDefinitions.flatMap(({ name, priority }, index) =>
        priority === 0 ? [[name, rows[0]?.cells[index]]] : [],
      )
      expect(byDefault).toEqual([
        ['Name', 'a'],
        ['Model', 'org/a'],
        ['Served As', 'a'],
        ['Status', 'Ready'],
        ['Backend', 'vllm'],
        ['Last Used', expect.stringMatching(/^\d+s$/)],
        ['Age', expect.stringMatching(/^\d+s$/)],
      ])
    })
  })

  describe('the catalogue and its status', () => {
    /** As a service account that may do nothing else. */
    async function follow(kubeconfig = plane.serviceAccount()) {
      await allow(plane)
      const own = createApi(connect({ kubeconfig }), { namespace, log })
      const catalogue = await openClusterCatalogue({ api: own, defaults })
      const { live } = catalogue
      const status = createModelStatus({ api: own, live, leads: () => true, log })
      onTestFinished(async () => {
        await status.close()
        await catalogue.close()
      })
      return { catalogue, status }
    }

    function loaded(name: string): ModelReport {
      const message = 'loaded on vllm'
      const not = { holds: false, reason: 'Loaded', message }
      return {
        source: `${namespace}/${name}`,
        phase: 'Ready',
        message,
        backend: 'vllm',
        lastUsed: new Date(),
        lastLoadSeconds: 48,
        ready: { ...not, holds: true },
        loading: not,
        failed: not,
      }
    }

    const phaseOf = async (name: string) => {
      const object = await api.get('VLLMModel', name)
      return (object?.status as { phase?: string } | undefined)?.phase
    }

    it('follow models as they come, change, break and go', async () => {
      await api.create(manifest('a'))
      const { catalogue } = await follow()
      expect([...catalogue.models.keys()]).toEqual(['a'])
      await api.create(manifest('b', { aliases: ['second'] }))
      await eventually(() => catalogue.find('second'), { what: 'a model that came' })
      await api.patch('VLLMModel', 'b', { spec: { priority: 5 } })
      await eventually(() => catalogue.find('b')?.facts.priority === 5, { what: 'its change' })
      // What this server cannot check.
      await api.patch('VLLMModel', 'b', { spec: { env: { 'not-a-name': '' } } })
      await eventually(() => catalogue.problems.length > 0, { what: 'what is wrong with it' })
      expect(catalogue.problems[0]).toMatchObject({ source: 'ai-apps/b' })
      expect(catalogue.find('b')?.facts.priority).toBe(5)
      await api.remove('VLLMModel', 'b')
      await eventually(() => catalogue.models.size === 1, { what: 'a model that went' })
      expect(catalogue.problems).toEqual([])
    })

    it('write a status that the server takes whole, once, and say events', async () => {
      await api.create(manifest('a'))
      const { catalogue, status } = await follow()
      const a = catalogue.find('a')
      const report = loaded('a')
      status.report([report])
      status.event('ai-apps/a', 'Normal', 'Loaded', 'loaded on vllm in 48 s')
      await eventually(async () => (await phaseOf('a')) === 'Ready', { what: 'the status' })
      const written = await api.get('VLLMModel', 'a')
      expect(written?.status).toMatchObject({
        phase: 'Ready',
        backend: 'vllm',
        message: 'loaded on vllm',
        lastLoadSeconds: 48,
        observedGeneration: 1,
        conditions: [
          { type: 'Ready', status: 'True', observedGeneration: 1 },
          { type: 'Loading', status: 'False' },
          { type: 'Failed', status: 'False' },
        ],
      })
      status.report([report])
      const core = plane.client.makeApiClient(CoreV1Api)
      const [event] = await eventually(
        async () => {
          const { items } = await core.listNamespacedEvent({
            namespace,
            fieldSelector: 'involvedObject.kind=VLLMModel,involvedObject.name=a',
          })
          return items.length > 0 && items
        },
        { what: 'the event' },
      )
      expect(event).toMatchObject({
        type: 'Normal',
        reason: 'Loaded',
        message: 'loaded on vllm in 48 s',
        involvedObject: { uid: written?.metadata.uid },
      })
      // A status is no change of a model, and what is said already is not said again.
      await api.patch('VLLMModel', 'a', { spec: { priority: 1 } })
      await eventually(() => catalogue.find('a') !== a, { what: 'the next change' })
      expect((await api.get('VLLMModel', 'a'))?.metadata.generation).toBe(2)
      const patches = (await plane.auditLog()).filter(
        ({ resource, name }) => resource === 'vllmmodels/status' && name === 'a',
      )
      expect(patches.map(({ status: code }) => code)).toEqual([200])
    })

    it('put right what somebody else writes there', async () => {
      await api.create(manifest('a'))
      const { status } = await follow()
      status.report([loaded('a')])
      await eventually(async () => (await phaseOf('a')) === 'Ready', { what: 'the status' })
      const wrong = { status: { phase: 'Failed', conditions: null } }
      await api.patch('VLLMModel', 'a', wrong, { subresource: 'status' })
      await eventually(async () => (await phaseOf('a')) === 'Ready', { what: 'the status again' })
      expect((await api.get('VLLMModel', 'a'))?.status).toHaveProperty('conditions.2')
    })

    it('outlive an API server that is away', async () => {
      await api.create(manifest('a'))
      const { catalogue, status } = await follow()
      await plane.stopApiServer()
      status.report([loaded('a')])
      expect(catalogue.find('a')).toBeDefined()
      await eventually(() => catalogue.live.trouble, { what: 'the trouble is known' })
      await plane.startApiServer()
      await api.create(manifest('b'))
      await eventually(() => catalogue.find('b'), { what: 'a model that came after it' })
      await eventually(async () => (await phaseOf('a')) === 'Ready', { what: 'the status' })
      expect(catalogue.live.trouble).toBeUndefined()
    })
  })
})

/** As kubectl asks. */
async function asTable(plane: ControlPlane): Promise<{
  columnDefinitions: { name: string; priority: number }[]
  rows: { cells: unknown[] }[]
}> {
  const path = `/apis/vllm.efortin.github.io/v1alpha1/namespaces/${namespace}/vllmmodels`
  const options = { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } }
  await plane.client.applyToHTTPSOptions(options)
  return await new Promise((resolve, reject) => {
    const asking = request(`${plane.url}${path}`, options, (response) => {
      json(response).then((table) => resolve(table as never), reject)
    })
    asking.on('error', reject).end()
  })
}

/** What the catalogue and the status need, and no more. */
async function allow(plane: ControlPlane): Promise<void> {
  const rbac = plane.client.makeApiClient(RbacAuthorizationV1Api)
  const metadata = { name: 'models', namespace }
  const apiGroups = ['vllm.efortin.github.io']
  const rules = [
    { apiGroups, resources: ['vllmmodels'], verbs: ['list', 'watch'] },
    { apiGroups, resources: ['vllmmodels/status'], verbs: ['patch'] },
    { apiGroups: [''], resources: ['events'], verbs: ['create'] },
  ]
  const { items } = await rbac.listNamespacedRole({ namespace })
  if (items.some((role) => role.metadata?.name === metadata.name)) return
  await rbac.createNamespacedRole({ namespace, body: { metadata, rules } })
  await rbac.createNamespacedRoleBinding({
    namespace,
    body: {
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name },
      subjects: [{ kind: 'ServiceAccount', name: 'vllm-chill', namespace }],
    },
  })
}
