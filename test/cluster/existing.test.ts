import type { V1Deployment } from '@kubernetes/client-node'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ask, contentOf, refusalOf } from '../integration/serve/conversation.ts'
import { findBinaries } from './binaries/index.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { administer, dryRun, grantRights, installAround, serveIn } from './program.ts'
import { namespace } from './workload.ts'

const keys = ['MODEL_NAME', 'SERVED_MODEL_NAME', 'MAX_MODEL_LEN', 'TENSOR_PARALLEL_SIZE']

/** As a user of the original has it. */
const theirs = (): V1Deployment => ({
  metadata: { name: 'vllm', labels: { team: 'ml' } },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: 'their-vllm' } },
    template: {
      metadata: { labels: { app: 'their-vllm' } },
      spec: {
        terminationGracePeriodSeconds: 5,
        containers: [
          {
            name: 'server',
            image: 'theirs/vllm:1',
            command: ['vllm', 'serve'],
            args: [
              '$(MODEL_NAME)',
              '--served-model-name',
              '$(SERVED_MODEL_NAME)',
              '--max-model-len',
              '$(MAX_MODEL_LEN)',
            ],
            env: keys.map((key) => ({
              name: key,
              valueFrom: { configMapKeyRef: { name: 'vllm-config', key } },
            })),
            ports: [{ name: 'http', containerPort: 8000 }],
            startupProbe: {
              httpGet: { path: '/health', port: 'http' },
              periodSeconds: 1,
              failureThreshold: 600,
            },
            readinessProbe: { httpGet: { path: '/health', port: 'http' }, periodSeconds: 1 },
            resources: { limits: { 'nvidia.com/gpu': '1' } },
          },
        ],
      },
    },
  },
})

describe.skipIf(findBinaries() === undefined)('an existing Deployment', () => {
  let cluster: Cluster
  let admin: ReturnType<typeof administer>
  beforeAll(async () => {
    cluster = await startCluster()
    await installAround(cluster, '--enable-model-switch')
    admin = administer(cluster)
  })
  afterAll(() => cluster?.stop())
  afterEach(async () => {
    await admin?.clear()
    await admin?.untilPods('none is left', (pods) => pods.length === 0, 'app=their-vllm')
  })

  const make = async (configMap?: Record<string, string>) => {
    if (configMap) {
      const body = { metadata: { name: 'vllm-config', labels: { team: 'ml' } }, data: configMap }
      await admin.core.createNamespacedConfigMap({ namespace, body })
    }
    await admin.apps.createNamespacedDeployment({ namespace, body: theirs() })
  }

  const first = {
    MODEL_NAME: 'org/a',
    SERVED_MODEL_NAME: 'a',
    MAX_MODEL_LEN: '32768',
    TENSOR_PARALLEL_SIZE: '1',
    OWN_KEY: 'stays',
  }

  /** Who has written what, but for the replicas and the status. */
  const written = async () => {
    const { metadata, spec } = (await admin.deployment())!
    return {
      template: spec?.template,
      strategy: spec?.strategy,
      labels: metadata?.labels,
      annotations: Object.keys(metadata?.annotations ?? {}).filter((key) => key.includes('chill')),
      managers: metadata?.managedFields
        ?.filter(({ fieldsV1 }) => JSON.stringify(fieldsV1).includes('f:template'))
        .map(({ manager }) => manager),
    }
  }

  it('is scaled and told its model by its ConfigMap, and nothing else of it is changed', async () => {
    await make(first)
    await admin.addModel('a')
    await admin.addModel('b', { maxModelLen: 4096 })
    const before = await written()
    const program = await serveIn(cluster)
    expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
    expect(await contentOf(await ask(program, 'b'))).toBe('[b] you said: hi')
    expect(await written()).toEqual(before)
    const { data, metadata } = await admin.core.readNamespacedConfigMap({
      namespace,
      name: 'vllm-config',
    })
    expect(data).toMatchObject({ SERVED_MODEL_NAME: 'b', MAX_MODEL_LEN: '4096', OWN_KEY: 'stays' })
    expect(metadata?.labels).toEqual({ team: 'ml' })
    expect(metadata?.annotations).toBeUndefined()
  })

  it('refuses a model that it cannot express, with the reason, and drains nothing for it', async () => {
    await make(first)
    await admin.addModel('a')
    await admin.addModel('b', { image: 'other:2' })
    await admin.addModel('c', { dtype: 'half' })
    const program = await serveIn(cluster)
    await ask(program, 'a')
    const image = await refusalOf(await ask(program, 'b'))
    expect(image).toMatchObject({ code: 'model_failed' })
    expect(image.message).toContain('it runs the image theirs/vllm:1, the model wants other:2')
    expect((await refusalOf(await ask(program, 'c'))).message).toContain('does not read DTYPE')
    await program.untilBackend(({ state, model }) => state === 'ready.quiet' && model === 'a')
    const switched = await program.operate('models/switch', { model_id: 'b' })
    expect(switched.status).toBe(400)
  })

  it('is only scaled while switching is off', async () => {
    await make(first)
    await admin.addModel('a')
    const before = await written()
    const program = await serveIn(cluster, ['--no-enable-model-switch', '--idle-timeout', '500ms'])
    expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
    await admin.untilPods('none is left', (pods) => pods.length === 0, 'app=their-vllm')
    expect(await written()).toEqual(before)
    const { data } = await admin.core.readNamespacedConfigMap({ namespace, name: 'vllm-config' })
    expect(data).toEqual(first)
    const services = await admin.core.listNamespacedService({ namespace })
    expect(services.items.map(({ metadata }) => metadata?.name)).not.toContain('vllm-svc')
  })

  it('and whatever is not there yet is only told of in a dry run, with each change', async () => {
    await admin.addModel('a')
    await admin.addModel('b', { gpuCount: 1, tensorParallelSize: 2 })
    const before = await dryRun(cluster)
    expect(before.code).toBe(1)
    expect(before.text).toContain('model b cannot be started here: spec.gpuCount')
    expect(before.text).toContain('Deployment ai-apps/vllm would be created')
    expect(before.text).toContain('+     type: Recreate')
    expect(await admin.deployment()).toBeUndefined()
    await admin.removeModel('b')

    await make(first)
    const existing = await dryRun(cluster)
    expect(existing.code).toBe(0)
    expect(existing.text).toContain('Deployment ai-apps/vllm is not ours and stays as it is')
    expect(existing.text).toContain('+ data.DTYPE: auto')
    const { data } = await admin.core.readNamespacedConfigMap({ namespace, name: 'vllm-config' })
    expect(data).toEqual(first)
  })

  it('that is not there is said to be missing while switching is off', async () => {
    await admin.addModel('a')
    const program = await serveIn(cluster, ['--no-enable-model-switch'])
    const { message } = await refusalOf(await ask(program, 'a'))
    expect(message).toContain('Deployment ai-apps/vllm does not exist')
    expect(await admin.deployment()).toBeUndefined()
  })
})

describe.skipIf(findBinaries() === undefined)(
  'an existing Deployment, and no VLLMModels at all',
  () => {
    let cluster: Cluster
    let admin: ReturnType<typeof administer>
    beforeAll(async () => {
      cluster = await startCluster()
      await grantRights(cluster)
      admin = administer(cluster)
    })
    afterAll(() => cluster?.stop())

    it('sleeps and wakes under the name that it says itself', async () => {
      const body = theirs()
      body.spec!.template.spec!.containers[0]!.args = [
        'org/model',
        '--served-model-name',
        'their-model',
        'alias',
      ]
      delete body.spec!.template.spec!.containers[0]!.env
      await admin.apps.createNamespacedDeployment({ namespace, body })
      const program = await serveIn(cluster, [
        '--no-enable-model-switch',
        '--idle-timeout',
        '500ms',
      ])
      const { data } = (await (await fetch(`${program.url}/v1/models`)).json()) as {
        data: { id: string }[]
      }
      expect(data.map(({ id }) => id)).toContain('their-model')
      expect(await admin.pods('app=their-vllm')).toEqual([])
      expect(await contentOf(await ask(program, 'alias'))).toContain('you said: hi')
      await admin.untilPods('none is left', (pods) => pods.length === 0, 'app=their-vllm')
      expect(await contentOf(await ask(program, 'their-model'))).toContain('you said: hi')
    })
  },
)
