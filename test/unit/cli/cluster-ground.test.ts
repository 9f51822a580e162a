import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { openClusterGround, tellWhatWouldChange } from '../../../src/cli/serve/cluster-ground.ts'
import { startInstance } from '../../../src/cli/serve/instance.ts'
import { loadSettings } from '../../../src/config/index.ts'
import { createLog } from '../../../src/telemetry/index.ts'
import {
  FakeCluster,
  fault,
  serveCluster,
  theirConfigMap,
  theirDeployment,
} from '../drivers/kubernetes/cluster/index.ts'
import { startEngine } from '../drivers/kubernetes/fake-engine.ts'

// Pauses before something is tried again.
vi.mock('node:timers/promises', () => ({
  setTimeout: () => new Promise((resolve) => setImmediate(resolve)),
}))

const log = createLog({ level: 'silent' })
const existing = { enableModelSwitch: false }

function addModel(cluster: FakeCluster, name: string, spec: Record<string, unknown> = {}): void {
  cluster.add({
    apiVersion: 'vllm.efortin.github.io/v1alpha1',
    kind: 'VLLMModel',
    metadata: { name, creationTimestamp: new Date() },
    spec: { modelName: `org/${name}`, servedModelName: name, ...spec },
  } as never)
}

/** Settings as they are for a kubeconfig of this cluster. */
async function settingsFor(cluster: FakeCluster, flags: Record<string, unknown> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'vllm-chill-ground-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const kubeconfig = join(folder, 'config')
  const server = await serveCluster(cluster)
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      clusters: [{ name: 'fake', cluster: { server } }],
      users: [{ name: 'me', user: { token: 't' } }],
      contexts: [{ name: 'it', context: { cluster: 'fake', user: 'me', namespace: 'ai' } }],
      'current-context': 'it',
    }),
  )
  const given = { kubeconfig, enableModelSwitch: true, endpointMode: 'pod', ...flags }
  return loadSettings({ flags: given, env: {}, cwd: folder, home: folder })
}

async function open(cluster: FakeCluster, flags?: Record<string, unknown>) {
  const ground = await openClusterGround(await settingsFor(cluster, flags), log)
  onTestFinished(async () => {
    await ground.driver.close()
    await ground.close()
  })
  return ground
}

async function dryRun(cluster: FakeCluster, flags?: Record<string, unknown>) {
  const lines: string[] = []
  const settings = await settingsFor(cluster, flags)
  const isFine = await tellWhatWouldChange(settings, log, (line) => lines.push(line))
  return { isFine, text: lines.join('\n'), writes: cluster.calls.writes }
}

describe('serving in a cluster', () => {
  it('wakes a model of a VLLMModel, says so of it, and leaves it up at its end', async () => {
    const engine = await startEngine('a')
    const cluster = new FakeCluster()
    addModel(cluster, 'a')
    cluster.podsOn(engine.port)
    const flags = { host: '127.0.0.1', port: 0, shutdownDelay: 0 }
    const program = await startInstance(await settingsFor(cluster, flags), log)
    const ask = await fetch(`${program.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'a', messages: [{ role: 'user', content: 'hi' }] }),
    })
    expect(ask.status).toBe(200)
    expect(await ask.json()).toEqual({ said: 'hi' })
    const status = () => cluster.find('VLLMModel', 'a')?.status
    await vi.waitFor(() => expect(status()).toMatchObject({ phase: 'Ready' }))
    await program.shutDown()
    expect(cluster.deployment?.spec?.replicas).toBe(1)
    expect(cluster.lease?.spec?.holderIdentity).toBe('')
  })

  it('knows the VLLMModels of the namespace of the context, and follows them', async () => {
    const cluster = new FakeCluster()
    addModel(cluster, 'a')
    const { catalogue, backends } = await open(cluster)
    expect([...catalogue.models.keys()]).toEqual(['a'])
    addModel(cluster, 'b')
    await vi.waitFor(() => expect([...catalogue.models.keys()]).toEqual(['a', 'b']))
    cluster.remove('VLLMModel', 'a')
    await vi.waitFor(() => expect([...catalogue.models.keys()]).toEqual(['b']))
    expect(backends.map(({ name }) => name)).toEqual(['vllm'])
  })

  it('serves what an existing Deployment says where nobody has installed VLLMModels', async () => {
    const cluster = new FakeCluster()
    cluster.add(theirDeployment())
    cluster.edit('Deployment', 'vllm', ({ spec }) => {
      spec!.template.spec!.containers[0]!.args = ['--served-model-name', 'their-model']
    })
    cluster.calls.break('list VLLMModel', fault(404, '404 page not found'))
    const { catalogue } = await open(cluster, existing)
    expect([...catalogue.models.keys()]).toEqual(['their-model'])
  })

  it('says in the words of `doctor` what it cannot do without', async () => {
    const cluster = new FakeCluster()
    cluster.forbidden.add('patch deployments')
    await expect(open(cluster)).rejects.toThrow(
      /Right to deployments: patch not allowed in namespace ai; it is needed to .*apply Role/,
    )
    cluster.calls.break('list VLLMModel', fault(404, '404 page not found'))
    await expect(open(cluster)).rejects.toThrow(
      /CustomResourceDefinition .* is not installed; run `vllm-chill install`/,
    )
  })

  it('needs every other right also where there are no VLLMModels', async () => {
    const cluster = new FakeCluster()
    cluster.calls.break('list VLLMModel', fault(404, '404 page not found'))
    cluster.forbidden.add('list pods')
    await expect(open(cluster, existing)).rejects.toThrow(/Right to pods: list not allowed/)
  })

  it('waits a moment for rights that were just given', async () => {
    const cluster = new FakeCluster()
    cluster.forbidden.add('list pods')
    cluster.calls.after('list VLLMModel', () =>
      cluster.calls.after('list VLLMModel', () => cluster.forbidden.clear()),
    )
    const { catalogue } = await open(cluster)
    expect(catalogue.models.size).toBe(0)
  })
})

describe('what serving would change', () => {
  it('is told object by object, and nothing is changed', async () => {
    const cluster = new FakeCluster()
    addModel(cluster, 'a')
    const { isFine, text, writes } = await dryRun(cluster)
    expect(isFine).toBe(true)
    expect(text).toContain('Deployment ai/vllm would be created')
    expect(text).toContain('+   replicas: 0')
    expect(writes).toEqual([])
  })

  it('names models that cannot be started, and manifests that are wrong', async () => {
    const cluster = new FakeCluster()
    addModel(cluster, 'a', { gpuCount: 1, tensorParallelSize: 2 })
    addModel(cluster, 'b', { dtype: 7 })
    const { isFine, text } = await dryRun(cluster)
    expect(isFine).toBe(false)
    expect(text).toContain('ai/b: ')
    expect(text).toContain('model a cannot be started here: spec.gpuCount')
  })

  it('says what would be refused, and why', async () => {
    const cluster = new FakeCluster()
    addModel(cluster, 'a')
    cluster.calls.fail('try Deployment', fault(422, 'spec is wrong'))
    const { isFine, text } = await dryRun(cluster)
    expect(isFine).toBe(false)
    expect(text).toMatch(/Deployment ai\/vllm would be refused: .*spec is wrong/)
  })

  it('is only the data of a ConfigMap where others have made all of it', async () => {
    const cluster = new FakeCluster()
    addModel(cluster, 'a', { dtype: 'half' })
    cluster.add(theirDeployment())
    cluster.add(theirConfigMap())
    const { text } = await dryRun(cluster)
    expect(text).toContain('Deployment ai/vllm is not ours and stays as it is')
    expect(text).toContain('ConfigMap ai/vllm-config is not ours; when a is loaded, of its data 1')
  })

  it('is only a scale while switching is off', async () => {
    const cluster = new FakeCluster()
    expect(await dryRun(cluster, existing)).toMatchObject({ isFine: false })
    cluster.add(theirDeployment())
    const { isFine, text } = await dryRun(cluster, existing)
    expect(isFine).toBe(true)
    expect(text).toContain('Deployment ai/vllm is there and would only be scaled')
  })

  it('begins with the first VLLMModel', async () => {
    const { isFine, text } = await dryRun(new FakeCluster())
    expect(isFine).toBe(true)
    expect(text).toContain('no VLLMModel is there yet')
  })
})
