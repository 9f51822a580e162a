import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ask, contentOf, stream } from '../integration/serve/conversation.ts'
import { enters, says } from '../integration/serve/log-lines.ts'
import { findBinaries } from './binaries/index.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { eventually } from './control-plane/index.ts'
import { administer, installAround, serveIn } from './program.ts'
import { namespace } from './workload.ts'

describe.skipIf(findBinaries() === undefined)('what somebody else does', () => {
  let cluster: Cluster
  let admin: ReturnType<typeof administer>
  beforeAll(async () => {
    cluster = await startCluster()
    await installAround(cluster, '--enable-model-switch')
    admin = administer(cluster)
  })
  afterAll(() => cluster?.stop())
  afterEach(() => admin?.clear())

  const answers = async (program: { url: string }, model = 'a') =>
    expect(await contentOf(await ask(program, model))).toBe(`[${model}] you said: hi`)

  async function loaded() {
    await admin.addModel('a')
    const program = await serveIn(cluster)
    await answers(program)
    return program
  }

  it('a scale to zero is not fought, and the next request wakes it', async () => {
    const program = await loaded()
    await admin.scale(0)
    await program.waitForLog(enters('cold'))
    await admin.untilPods('none is left', (pods) => pods.length === 0)
    expect((await admin.deployment())?.spec?.replicas).toBe(0)
    await answers(program)
  })

  it('a scale to one is adopted', async () => {
    await admin.addModel('a')
    const program = await serveIn(cluster)
    await eventually(() => admin.deployment(), { what: 'the Deployment is there' })
    await admin.scale(1)
    await program.untilBackend(({ state }) => state.startsWith('ready'))
    await answers(program)
  })

  it('a Deployment that was deleted is made again when somebody asks', async () => {
    const program = await loaded()
    await admin.apps.deleteNamespacedDeployment({ namespace, name: 'vllm' })
    await program.waitForLog(enters('cold'))
    await admin.untilPods('none is left', (pods) => pods.length === 0)
    expect(await admin.deployment()).toBeUndefined()
    await answers(program)
  })

  it('a pod that was deleted is replaced, and who asks meanwhile is answered', async () => {
    const program = await loaded()
    const [pod] = await admin.pods()
    await admin.core.deleteNamespacedPod({ namespace, name: pod!.metadata!.name! })
    await answers(program)
    const [next] = await admin.pods()
    expect(next?.metadata?.uid).not.toBe(pod?.metadata?.uid)
  })

  it('an engine that was killed in its pod comes back, and who asks meanwhile is answered', async () => {
    const program = await loaded()
    cluster.node.kill({ labels: { app: 'vllm' } }, 'OOMKilled')
    await program.waitForLog(says('was lost'))
    await answers(program)
  })

  it('what was edited of ours is put right, and the log says what', async () => {
    const program = await loaded()
    await admin.core.patchNamespacedConfigMap({
      namespace,
      name: 'vllm-config',
      body: [{ op: 'replace', path: '/data/MAX_MODEL_LEN', value: '1' }],
    })
    const line = await program.waitForLog(says('data.MAX_MODEL_LEN was "1"'))
    expect(line.msg).toContain('put right')
    await eventually(
      async () => {
        const { data } = await admin.core.readNamespacedConfigMap({
          namespace,
          name: 'vllm-config',
        })
        return data?.['MAX_MODEL_LEN'] === '32768'
      },
      { what: 'the ConfigMap is right again' },
    )
    await answers(program)
  })

  it('an edit of the pod is put right as well, and named with who made it', async () => {
    const program = await loaded()
    await admin.apps.patchNamespacedDeployment({
      namespace,
      name: 'vllm',
      body: [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'other:1' }],
      fieldManager: 'somebody',
    })
    await program.waitForLog(says('by somebody'))
    await eventually(
      async () =>
        (await admin.deployment())?.spec?.template.spec?.containers[0]?.image?.startsWith('vllm/'),
      { what: 'the image is right again' },
    )
    await answers(program)
  })

  it('an edit that the server would not let an apply undo is put right, too', async () => {
    const program = await loaded()
    const source = { name: 'shm', hostPath: { path: '/dev/shm' } }
    await admin.apps.patchNamespacedDeployment({
      namespace,
      name: 'vllm',
      body: [{ op: 'replace', path: '/spec/template/spec/volumes/0', value: source }],
    })
    await program.waitForLog(says('volumes[name=shm]'))
    await eventually(
      async () => (await admin.deployment())?.spec?.template.spec?.volumes?.[0]?.emptyDir,
      { what: 'the volume is right again' },
    )
    await answers(program)
  })

  it('a node that is gone takes its model with it, and brings it back', async () => {
    const program = await loaded()
    await cluster.node.goAway()
    await program.waitForLog(says('was lost'))
    await cluster.node.comeBack()
    await answers(program)
  })

  it('two models of one name: the older has it, the other is Failed and says so', async () => {
    await admin.addModel('a')
    await admin.addModel('z', { servedModelName: 'a', modelName: 'org/z' })
    await serveIn(cluster)
    const status = async () =>
      ((await admin.model('z')) as { status?: { phase?: string; message?: string } }).status
    await eventually(async () => (await status())?.phase === 'Failed', { what: 'z is Failed' })
    expect((await status())?.message).toContain('already belongs to the older model')
  })

  it('a stream runs on while somebody scales and edits something else', async () => {
    await admin.addModel('a')
    cluster.node.misbehave(
      { labels: { app: 'vllm' } },
      { kind: 'simulate', options: { itl: '10ms' } },
    )
    const program = await serveIn(cluster)
    const long = stream(program, 'a', 100)
    await long.begun
    await admin.addModel('b')
    await admin.core.patchNamespacedService({
      namespace,
      name: 'vllm-svc',
      body: [{ op: 'add', path: '/metadata/labels/more', value: 'label' }],
    })
    expect(await long.done).toMatchObject({ tokens: 100, finish: 'length' })
  })
})
