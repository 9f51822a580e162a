import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ask, contentOf, refusalOf } from '../integration/serve/conversation.ts'
import { findBinaries } from './binaries/index.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { eventually } from './control-plane/index.ts'
import { administer, installAround, serveIn } from './program.ts'
import { namespace } from './workload.ts'

const pods = { labels: { app: 'vllm' } }

describe.skipIf(findBinaries() === undefined)('a start that cannot work', () => {
  let cluster: Cluster
  let admin: ReturnType<typeof administer>
  const undo: (() => void)[] = []
  beforeAll(async () => {
    cluster = await startCluster()
    await installAround(cluster, '--enable-model-switch')
    admin = administer(cluster)
  })
  afterAll(() => cluster?.stop())
  afterEach(async () => {
    for (const each of undo.splice(0)) each()
    await admin?.clear()
  })

  /** What a client is told, and that the GPU is free again afterwards. */
  async function refusal(spec: Record<string, unknown> = {}, flags: readonly string[] = []) {
    await admin.addModel('a', spec)
    const program = await serveIn(cluster, flags)
    const begun = performance.now()
    const answer = await ask(program, 'a')
    const seconds = (performance.now() - begun) / 1_000
    const told = await refusalOf(answer)
    expect(told).toMatchObject({ status: 503, code: 'model_failed', shouldRetry: 'false' })
    await admin.untilPods('none is left', (all) => all.length === 0)
    await eventually(async () => ((await admin.deployment())?.spec?.replicas ?? 0) === 0, {
      what: 'the Deployment has no replica',
    })
    return { ...told, seconds, program }
  }

  it('for want of an image says which', async () => {
    undo.push(cluster.node.misbehave(pods, { kind: 'no image' }))
    const { message, seconds } = await refusal({ image: 'vllm/vllm-openai:missing' })
    expect(message).toContain('vllm/vllm-openai:missing')
    expect(message).toContain('image_pull')
    expect(seconds).toBeLessThan(10)
  })

  it('because vLLM ends says its exit code and the last lines it wrote', async () => {
    undo.push(cluster.node.misbehave(pods, { kind: 'crash', exitCode: 3 }))
    const { message, seconds } = await refusal()
    expect(message).toContain('exit code 3')
    expect(message).toContain('Last log lines:')
    expect(seconds).toBeLessThan(10)
  })

  it('for want of memory says so', async () => {
    undo.push(cluster.node.misbehave(pods, { kind: 'out of memory' }))
    const { message } = await refusal()
    expect(message).toContain('OOMKilled')
    expect(message).toContain('out_of_memory')
  })

  it('because no node has the GPUs says what it asks for, in the words of the scheduler', async () => {
    const { message, seconds } = await refusal({ tensorParallelSize: 4 })
    expect(message).toContain('4 nvidia.com/gpu')
    expect(message).toContain('Insufficient nvidia.com/gpu')
    expect(seconds).toBeLessThan(30)
  })

  it('because a quota forbids the pod says which', async () => {
    const quota = { metadata: { name: 'none' }, spec: { hard: { pods: '0' } } }
    await admin.core.createNamespacedResourceQuota({ namespace, body: quota })
    // Without its controller, somebody must say what is used.
    await admin.core.patchNamespacedResourceQuotaStatus({
      namespace,
      name: 'none',
      body: [{ op: 'add', path: '/status', value: { hard: { pods: '0' }, used: { pods: '0' } } }],
    })
    try {
      const { message } = await refusal()
      expect(message).toContain('exceeded quota: none')
    } finally {
      await admin.core.deleteNamespacedResourceQuota({ namespace, name: 'none' })
    }
  })

  it('because a Secret is missing names it', async () => {
    const { message } = await refusal({}, ['--api-key-secret', 'nowhere/key'])
    expect(message).toContain('nowhere')
  })

  it('because the manifest cannot be made a pod names the field, and sends nothing', async () => {
    await admin.addModel('a', { gpuCount: 1, tensorParallelSize: 2 })
    const program = await serveIn(cluster)
    const { message } = await refusalOf(await ask(program, 'a'))
    expect(message).toContain('spec.gpuCount: 1 is less than tensorParallelSize (2)')
    expect(await admin.deployment()).toBeUndefined()
  })

  it('because the API server refuses the object says its field', async () => {
    const podTemplate = { spec: { containers: [{ name: 'vllm', imagePullPolicy: 'Sometimes' }] } }
    await admin.addModel('a', { podTemplate })
    const program = await serveIn(cluster)
    const { message } = await refusalOf(await ask(program, 'a'))
    expect(message).toContain('imagePullPolicy')
  })

  it('within its time says how far it came', async () => {
    undo.push(cluster.node.misbehave(pods, { kind: 'never ready' }))
    const { message } = await refusal({ startTimeout: '3s' })
    expect(message).toContain('last phase: loading')
  })

  it('of one model leaves the others served, and works once it is mended', async () => {
    undo.push(cluster.node.misbehave({ image: 'broken:1' }, { kind: 'crash', exitCode: 1 }))
    await admin.addModel('bad', { image: 'broken:1' })
    await admin.addModel('good')
    const program = await serveIn(cluster)
    expect((await ask(program, 'bad')).status).toBe(503)
    expect(await contentOf(await ask(program, 'good'))).toBe('[good] you said: hi')
    const status = async () =>
      ((await admin.model('bad')) as { status?: { phase?: string; message?: string } }).status
    await eventually(async () => (await status())?.phase === 'Failed', { what: 'it is Failed' })
    expect((await status())?.message).toContain('exit code 1')
    await admin.removeModel('bad')
    await admin.addModel('bad')
    await eventually(async () => (await ask(program, 'bad')).status === 200, {
      what: 'it is served',
    })
  })

  it('is not even tried while there is no model of that name', async () => {
    await admin.addModel('a', { maxModelLen: 4096 })
    const program = await serveIn(cluster)
    expect((await ask(program, 'b')).status).toBe(404)
  })
})
