import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { vllmArguments } from '../../../../../src/catalogue/index.ts'
import {
  configMapData,
  desiredObjects,
  podSelector,
  type BackendPlace,
} from '../../../../../src/drivers/kubernetes/index.ts'
import { expand } from '../../../../cluster/node/expand.ts'
import { manifest, place } from './place.ts'

const objects = (spec: Record<string, unknown> = {}, at: Partial<BackendPlace> = {}) =>
  desiredObjects(place(at), manifest(spec), 'r1')

const container = (spec: Record<string, unknown> = {}, at: Partial<BackendPlace> = {}) =>
  objects(spec, at).deployment.spec!.template.spec!.containers[0]!

const word = fc.stringMatching(/^[A-Za-z$(][\w$().:/-]{0,12}$/)
const specs = fc.record(
  {
    modelName: word,
    servedModelName: word,
    aliases: fc.uniqueArray(word, { maxLength: 3 }),
    toolCallParser: fc.constantFrom('', 'hermes', 'granite'),
    reasoningParser: fc.constantFrom('', 'deepseek_r1'),
    tensorParallelSize: fc.integer({ min: 1, max: 8 }),
    maxModelLen: fc.integer({ min: 512, max: 200_000 }),
    gpuMemoryUtilization: fc.constantFrom(0.5, 0.9, 1),
    enableChunkedPrefill: fc.boolean(),
    enablePrefixCaching: fc.boolean(),
    disableCustomAllReduce: fc.boolean(),
    enableAutoToolChoice: fc.boolean(),
    cpuOffloadGB: fc.integer({ min: 0, max: 8 }),
    dtype: fc.constantFrom('auto', 'half'),
    extraArgs: fc.array(fc.oneof(word, fc.constantFrom('--dtype', '--max-model-len', '$(HOME)')), {
      maxLength: 4,
    }),
  },
  { requiredKeys: ['modelName', 'servedModelName'] },
)

describe('the container', () => {
  it("runs vLLM with the model's arguments, once Kubernetes has filled in the ConfigMap's keys", () => {
    fc.assert(
      fc.property(specs, (spec) => {
        const model = manifest(spec)
        const { args = [] } = container(spec)
        const expanded = args.map((arg) => expand(arg, configMapData(model)))
        const own = vllmArguments(model)
        expect(expanded.slice(0, own.length)).toEqual(own)
        expect(expanded.slice(own.length)).toEqual([
          '--host',
          '0.0.0.0',
          '--port',
          '8000',
          '--shutdown-timeout',
          '24',
        ])
      }),
    )
  })

  it('reads each key of the ConfigMap, and secrets only by reference', () => {
    const { env = [] } = container({}, { apiKeySecret: { name: 'keys', key: 'vllm' } })
    const from = (name: string) => env.find((each) => each.name === name)?.valueFrom
    expect(Object.keys(configMapData(manifest()))).toHaveLength(15)
    for (const key of Object.keys(configMapData(manifest()))) {
      expect(from(key)?.configMapKeyRef).toEqual({ name: 'vllm-config', key })
    }
    expect(from('HF_TOKEN')?.secretKeyRef).toEqual({
      name: 'hf-token-secret',
      key: 'token',
      optional: true,
    })
    expect(from('VLLM_API_KEY')?.secretKeyRef).toEqual({ name: 'keys', key: 'vllm' })
  })

  it('passes variables on as they are, and lets no model take the place of a key', () => {
    const { env = [] } = container({ env: { A: '$(B)', MODEL_NAME: 'other' } })
    expect(env.find(({ name }) => name === 'A')?.value).toBe('$$(B)')
    expect(env.filter(({ name }) => name === 'MODEL_NAME')).toHaveLength(1)
  })

  it.each([
    [{}, {}, '1'],
    [{ tensorParallelSize: 4 }, {}, '4'],
    [{ tensorParallelSize: 4 }, { gpuCount: 5 }, '5'],
    [{ tensorParallelSize: 4, gpuCount: 8 }, { gpuCount: 5 }, '8'],
    [{ gpuCount: 0 }, {}, undefined],
  ])('of %j with %j has %s GPUs', (spec, pod, gpus) => {
    expect(container(spec, { pod }).resources?.limits?.['nvidia.com/gpu']).toBe(gpus)
  })

  it("runs the model's own command and image where it has them", () => {
    const own = container({ command: 'python3 -m "my server"', image: 'mine:1' })
    expect(own.command).toEqual(['python3', '-m', 'my server'])
    expect(container({ command: ['sh', '-c', 'x $(HOME)'] }).command).toEqual([
      'sh',
      '-c',
      'x $$(HOME)',
    ])
    expect(own.image).toBe('mine:1')
  })

  it('is given no second --shutdown-timeout', () => {
    const { args } = container({ extraArgs: ['--shutdown-timeout', '3'] })
    expect(args?.filter((arg) => arg === '--shutdown-timeout')).toHaveLength(1)
  })
})

describe('the pod', () => {
  it('has what the settings say', () => {
    const pod = {
      imagePullSecrets: ['registry'],
      modelCache: { pvc: 'models', mountPath: '/models' },
      compileCache: { hostPath: '/var/cache/vllm' },
      shmSize: '16Gi',
      resources: { requests: { cpu: 4, memory: '32Gi' }, limits: { memory: '64Gi' } },
      nodeSelector: { gpu: 'l40' },
      tolerations: [{ key: 'gpu', operator: 'Exists' as const }],
      runtimeClass: 'nvidia',
      priorityClass: 'high',
      labels: { team: 'a', app: 'not-mine' },
    }
    const template = objects({}, { pod }).deployment.spec!.template
    expect(template.spec).toMatchObject({
      imagePullSecrets: [{ name: 'registry' }],
      nodeSelector: { gpu: 'l40' },
      tolerations: [{ key: 'gpu', operator: 'Exists' }],
      runtimeClassName: 'nvidia',
      priorityClassName: 'high',
      terminationGracePeriodSeconds: 30,
      automountServiceAccountToken: false,
      volumes: [
        { name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: '16Gi' } },
        { name: 'model-cache', persistentVolumeClaim: { claimName: 'models' } },
        { name: 'compile-cache', hostPath: { path: '/var/cache/vllm' } },
      ],
    })
    expect(template.spec?.containers[0]?.volumeMounts).toContainEqual({
      name: 'model-cache',
      mountPath: '/models',
    })
    expect(template.spec?.containers[0]?.resources?.requests).toEqual({ cpu: '4', memory: '32Gi' })
    expect(template.metadata?.labels).toMatchObject({ team: 'a', ...podSelector(place()) })
  })

  it('is what the templates lay over it, the model last', () => {
    const pod = {
      podTemplate: { spec: { hostIPC: true, containers: [{ name: 'vllm', workingDir: '/a' }] } },
    }
    const podTemplate = {
      spec: {
        containers: [
          { name: 'vllm', workingDir: '/b' },
          { name: 'side', image: 'x' },
        ],
      },
    }
    const { spec } = objects({ podTemplate }, { pod }).deployment.spec!.template
    expect(spec).toMatchObject({ hostIPC: true })
    expect(spec?.containers.map(({ name, workingDir }) => [name, workingDir])).toEqual([
      ['vllm', '/b'],
      ['side', undefined],
    ])
    expect(spec?.containers[0]?.image).toBe('vllm/vllm-openai:v0.32.0')
  })
})

describe('the objects', () => {
  it('say whose they are and what they run, and never how many replicas', () => {
    const { configMap, service, deployment } = objects()
    for (const { metadata } of [configMap, service, deployment]) {
      expect(metadata?.annotations).toMatchObject({
        'vllm-chill.efortin.github.io/installation': 'ai/vllm-chill',
        'vllm-chill.efortin.github.io/model': 'a',
        'vllm-chill.efortin.github.io/model-revision': 'r1',
      })
      expect(metadata?.labels).toMatchObject({ app: 'vllm', 'managed-by': 'vllm-chill' })
    }
    expect(deployment.spec).not.toHaveProperty('replicas')
    expect(deployment.spec?.strategy).toEqual({ type: 'Recreate' })
    expect(service.spec?.ports?.map(({ port, targetPort }) => [port, targetPort])).toEqual([
      [80, 'http'],
      [8001, 'http'],
    ])
  })

  it('of two backends choose different pods', () => {
    const [one, two] = ['one', 'two'].map((backend) => objects({}, { backend }).deployment.spec!)
    expect(one?.selector.matchLabels).not.toEqual(two?.selector.matchLabels)
    expect(one?.template.metadata?.labels).toMatchObject(one!.selector.matchLabels!)
  })

  it('have another hash when, and only when, something of the pod is another', () => {
    const hash = (spec: object, at = {}) =>
      objects({ ...spec }, at).deployment.metadata?.annotations?.[
        'vllm-chill.efortin.github.io/config-hash'
      ]
    expect(hash({})).toBe(hash({ idleTimeout: '1h' }))
    expect(hash({})).not.toBe(hash({ maxModelLen: 1024 }))
    expect(hash({})).not.toBe(hash({}, { image: 'other:1' }))
    expect(hash({})).not.toBe(hash({}, { pod: { shmSize: '3Gi' } }))
  })
})
