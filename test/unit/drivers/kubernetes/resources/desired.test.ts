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

  it.each([
    ['vllm/vllm-openai:v0.32.0', {}, true],
    ['vllm/vllm-openai:0.18', {}, true],
    ['registry.local:5000/my-vllm:v1.0.0-cu13', {}, true],
    ['vllm/vllm-openai:v0.17.1', {}, false],
    ['vllm/vllm-openai:latest', {}, false],
    ['vllm/vllm-openai@sha256:0.99', {}, false],
    ['mine/engine:v2.0.0', {}, false],
    ['vllm/vllm-openai:v0.32.0', { command: 'python3 server.py' }, false],
    ['vllm/vllm-openai:v0.32.0', { extraArgs: ['--shutdown-timeout=3'] }, false],
  ])('of %s with %j: is told how long it may take to end: %s', (image, spec, isTold) => {
    const { args = [] } = container(spec, { image, terminationGraceMs: 10_000 })
    expect(args.slice(-2)).toEqual(isTold ? ['--shutdown-timeout', '8'] : ['--port', '8000'])
  })

  it('is given no second --shutdown-timeout', () => {
    const { args } = container({ extraArgs: ['--shutdown-timeout', '3'] })
    expect(args?.filter((arg) => arg === '--shutdown-timeout')).toHaveLength(1)
  })

  it('has no variable twice: what settings and model say counts, but for the keys', () => {
    const { env = [] } = container(
      { env: { HF_TOKEN: 'own', DTYPE: 'x' } },
      {
        pod: { env: { HF_TOKEN: 'general', VLLM_API_KEY: 'k' } },
        apiKeySecret: { name: 'a', key: 'b' },
      },
    )
    const of = (name: string) => env.filter((each) => each.name === name)
    expect(of('HF_TOKEN')).toEqual([{ name: 'HF_TOKEN', value: 'own' }])
    expect(of('VLLM_API_KEY')).toEqual([{ name: 'VLLM_API_KEY', value: 'k' }])
    expect(of('DTYPE')).toEqual([
      { name: 'DTYPE', valueFrom: { configMapKeyRef: { name: 'vllm-config', key: 'DTYPE' } } },
    ])
  })

  it('is told where its caches are', () => {
    const pod = { modelCache: { pvc: 'a' }, compileCache: { emptyDir: '9Gi', mountPath: '/c' } }
    const { env = [], volumeMounts } = container({}, { pod })
    const valueOf = (name: string) => env.find((each) => each.name === name)?.value
    expect(volumeMounts?.map(({ mountPath }) => mountPath)).toEqual([
      '/dev/shm',
      valueOf('HF_HOME'),
      valueOf('VLLM_CACHE_ROOT'),
    ])
    expect(valueOf('VLLM_CACHE_ROOT')).toBe('/c')
  })

  it('is asked for its health as patiently as is configured', () => {
    const usual = container()
    expect(usual.startupProbe).toMatchObject({ periodSeconds: 1, failureThreshold: 576 * 3_600 })
    const own = container(
      {},
      { pod: { probes: { startup: false, readiness: { periodSeconds: 2 }, liveness: false } } },
    )
    expect(own).not.toHaveProperty('startupProbe')
    expect(own).not.toHaveProperty('livenessProbe')
    const { periodSeconds: _, ...others } = usual.readinessProbe!
    expect(own.readinessProbe).toEqual({ ...others, periodSeconds: 2 })
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
    const templates = [
      {
        spec: {
          hostIPC: true,
          terminationGracePeriodSeconds: 60,
          containers: [{ name: 'vllm', workingDir: '/a', stdin: true }],
        },
      },
      {
        spec: {
          terminationGracePeriodSeconds: 90,
          containers: [{ name: 'vllm', stdin: null, livenessProbe: null }],
        },
      },
    ]
    const podTemplate = {
      spec: {
        containers: [
          { name: 'vllm', workingDir: '/b' },
          { name: 'side', image: 'x' },
        ],
      },
    }
    const { spec } = objects({ podTemplate }, { templates }).deployment.spec!.template
    expect(spec).toMatchObject({ hostIPC: true, terminationGracePeriodSeconds: 90 })
    expect(spec?.containers.map(({ name, workingDir }) => [name, workingDir])).toEqual([
      ['vllm', '/b'],
      ['side', undefined],
    ])
    expect(spec?.containers[0]?.image).toBe('vllm/vllm-openai:v0.32.0')
    expect(spec?.containers[0]).not.toHaveProperty('livenessProbe')
    expect(spec?.containers[0]).not.toHaveProperty('stdin')
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
