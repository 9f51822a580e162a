import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ask, contentOf, stream } from '../integration/serve/conversation.ts'
import { enters } from '../integration/serve/log-lines.ts'
import { findBinaries } from './binaries/index.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { eventually } from './control-plane/index.ts'
import { administer, installAround, serveIn } from './program.ts'
import { namespace } from './workload.ts'

const ready = { phase: 'Ready' }

describe.skipIf(findBinaries() === undefined)('the program in a cluster', () => {
  let cluster: Cluster
  let admin: ReturnType<typeof administer>
  beforeAll(async () => {
    cluster = await startCluster()
    await installAround(cluster, '--enable-model-switch')
    admin = administer(cluster)
  })
  afterAll(() => cluster?.stop())
  afterEach(() => admin?.clear())

  it('makes everything at its start, and wakes nothing', async () => {
    await admin.addModel('b')
    await admin.addModel('a', { maxModelLen: 2048, toolCallParser: 'hermes' })
    await serveIn(cluster)
    const made = await eventually(() => admin.deployment(), { what: 'the Deployment is there' })
    expect(made.spec?.replicas).toBe(0)
    const { data } = await admin.core.readNamespacedConfigMap({ namespace, name: 'vllm-config' })
    expect(data).toMatchObject({
      MODEL_NAME: 'org/a',
      SERVED_MODEL_NAME: 'a',
      MAX_MODEL_LEN: '2048',
      TOOL_CALL_PARSER: 'hermes',
      ENABLE_PREFIX_CACHING: 'true',
    })
    const service = await eventually(
      () =>
        admin.core.readNamespacedService({ namespace, name: 'vllm-svc' }).catch(() => undefined),
      { what: 'the Service is there' },
    )
    expect(service.spec?.ports?.map(({ port }) => port)).toEqual([80, 8001])
    expect(await admin.pods()).toEqual([])
  })

  it('holds a request until the pod is ready, and answers the next at once', async () => {
    await admin.addModel('a')
    const program = await serveIn(cluster)
    const answer = await ask(program, 'a')
    expect(await contentOf(answer)).toBe('[a] you said: hi')
    expect(Number(answer.headers.get('x-vllm-chill-waited-ms'))).toBeGreaterThan(0)
    const next = await ask(program, 'a')
    expect(await contentOf(next)).toBe('[a] you said: hi')
    expect(next.headers.get('x-vllm-chill-waited-ms')).toBeNull()
    const [pod] = await admin.pods()
    const { endpoints } = await program.backend()
    expect(endpoints[0]?.url).toBe(`http://${pod?.status?.podIP}:8000`)
  })

  it('says in the VLLMModel how it is, and tells in Events what happened', async () => {
    await admin.addModel('a')
    const program = await serveIn(cluster, ['--idle-timeout', '1s'])
    const status = async () => ((await admin.model('a')) as { status?: object }).status
    await eventually(async () => ((await status()) as { phase?: string })?.phase === 'Pending', {
      what: 'the model is known not to be loaded',
    })
    await ask(program, 'a')
    await eventually(async () => ((await status()) as { phase?: string })?.phase === 'Ready', {
      what: 'the status says Ready',
    })
    expect(await status()).toMatchObject({ ...ready, backend: 'vllm' })
    await eventually(async () => ((await status()) as { phase?: string })?.phase === 'Pending', {
      what: 'the status says that it is not loaded any more',
    })
    const reasons = async () =>
      (await admin.core.listNamespacedEvent({ namespace })).items
        .filter(({ involvedObject }) => involvedObject.kind === 'VLLMModel')
        .map(({ reason }) => reason)
    await eventually(async () => (await reasons()).includes('Unloaded'), {
      what: 'events tell of it',
    })
    expect(await reasons()).toEqual(expect.arrayContaining(['Loaded', 'Unloaded']))
  })

  it('switches under load: nothing lost, nothing answered by the wrong model', async () => {
    await admin.addModel('a', { tensorParallelSize: 2 })
    await admin.addModel('b', { tensorParallelSize: 2 })
    const program = await serveIn(cluster, ['--max-wait', '200ms'])
    const answers = await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const model = i % 2 === 0 ? 'a' : 'b'
        return [model, await contentOf(await ask(program, model))]
      }),
    )
    for (const [model, content] of answers) expect(content).toBe(`[${model}] you said: hi`)
  })

  it('lets a stream end before it switches', async () => {
    await admin.addModel('a')
    await admin.addModel('b')
    cluster.node.misbehave(
      { labels: { app: 'vllm' } },
      { kind: 'simulate', options: { itl: '10ms' } },
    )
    const program = await serveIn(cluster, ['--max-wait', '100ms'])
    const long = stream(program, 'a', 150)
    await long.begun
    const other = ask(program, 'b')
    expect(await long.done).toMatchObject({ tokens: 150, finish: 'length' })
    expect(await contentOf(await other)).toBe('[b] you said: hi')
  })

  it('goes to zero when nobody asks, and wakes when somebody asks while it goes', async () => {
    await admin.addModel('a')
    const takeBack = cluster.node.misbehave(
      { labels: { app: 'vllm' } },
      { kind: 'slow to terminate', ms: 1_000 },
    )
    const program = await serveIn(cluster, ['--idle-timeout', '500ms'])
    await ask(program, 'a')
    await program.waitForLog(enters('idle.scalingDown'))
    await admin.untilPods('one is leaving', (pods) =>
      pods.some(({ metadata }) => metadata?.deletionTimestamp !== undefined),
    )
    takeBack()
    expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
    await admin.untilPods('none is left', (pods) => pods.length === 0)
    expect((await admin.deployment())?.spec?.replicas).toBe(0)
  })

  it('serves a ready model without interruption after its own restart', async () => {
    await admin.addModel('a')
    const first = await serveIn(cluster)
    await ask(first, 'a')
    const [before] = await admin.pods()
    first.signal('SIGKILL')
    await first.exited
    const second = await serveIn(cluster)
    const answer = await ask(second, 'a')
    expect(await contentOf(answer)).toBe('[a] you said: hi')
    const [after] = await admin.pods()
    expect(after?.metadata?.uid).toBe(before?.metadata?.uid)
  })

  it('never wakes for listings, health and unknown models', async () => {
    await admin.addModel('a')
    const program = await serveIn(cluster)
    for (const path of ['/v1/models', '/health', '/readyz', '/metrics', '/favicon.ico']) {
      await fetch(program.url + path)
    }
    expect((await ask(program, 'zzz')).status).toBe(404)
    expect((await admin.deployment())?.spec?.replicas ?? 0).toBe(0)
    expect(await admin.pods()).toEqual([])
  })

  it('follows the models: added, changed, removed', async () => {
    await admin.addModel('a')
    const program = await serveIn(cluster)
    await ask(program, 'a')
    await admin.addModel('b')
    await eventually(async () => (await ask(program, 'b')).status === 200, { what: 'b is served' })
    const place = {
      group: 'vllm.efortin.github.io',
      version: 'v1alpha1',
      plural: 'vllmmodels',
      namespace,
      name: 'b',
    }
    const changed = (await admin.models.getNamespacedCustomObject(place)) as {
      spec: { maxModelLen: number }
    }
    changed.spec.maxModelLen = 1024
    await admin.models.replaceNamespacedCustomObject({ ...place, body: changed })
    await eventually(
      async () => {
        const { data } = await admin.core.readNamespacedConfigMap({
          namespace,
          name: 'vllm-config',
        })
        return data?.['MAX_MODEL_LEN'] === '1024'
      },
      { what: 'the new manifest is loaded' },
    )
    expect(await contentOf(await ask(program, 'b'))).toBe('[b] you said: hi')
    await admin.removeModel('b')
    await eventually(async () => (await ask(program, 'b')).status === 404, { what: 'b is unknown' })
    await admin.untilPods('none is left', (pods) => pods.length === 0)
  })
})
