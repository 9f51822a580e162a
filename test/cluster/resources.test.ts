import {
  AppsV1Api,
  CoreV1Api,
  PatchStrategy,
  setHeaderOptions,
  type KubernetesObject,
  type V1Deployment,
} from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import {
  connect,
  createApi,
  desiredObjects,
  drift,
  reshaping,
  validatePod,
  type Api,
  type ApiFault,
  type BackendPlace,
} from '../../src/drivers/kubernetes/index.ts'
import { manifest, place } from '../unit/drivers/kubernetes/resources/place.ts'
import { refused } from '../unit/drivers/kubernetes/resources/refused.ts'
import { findBinaries } from './binaries/index.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { eventually } from './control-plane/index.ts'
import { isReady, namespace } from './workload.ts'

const silent = { info() {}, warn() {}, error() {} }
const here = (fields: Partial<BackendPlace> = {}) => place({ namespace, ...fields })

describe.skipIf(findBinaries() === undefined)('the objects of a backend', () => {
  let cluster: Cluster
  let api: Api
  /** Old servers call what they cannot read an internal error, which is worth trying again. */
  let impatient: Api
  let apps: AppsV1Api
  let core: CoreV1Api
  beforeAll(async () => {
    cluster = await startCluster()
    const connection = connect({ kubeconfig: cluster.plane.admin })
    api = createApi(connection, { namespace, log: silent })
    impatient = createApi(connection, { namespace, log: silent, budgetMs: 1 })
    apps = cluster.plane.client.makeApiClient(AppsV1Api)
    core = cluster.plane.client.makeApiClient(CoreV1Api)
  })
  afterAll(() => cluster?.stop())

  const merge = setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch)

  it.each<[string, Record<string, unknown>, Partial<BackendPlace>]>([
    ['of the settings as they come', {}, {}],
    [
      'of every setting',
      {
        tensorParallelSize: 2,
        gpuCount: 3,
        aliases: ['b', '$(MODEL_NAME)'],
        extraArgs: ['--x', '$(y)'],
        env: { HF_TOKEN: 'own', HF_HOME: '/elsewhere' },
        podTemplate: {
          metadata: { annotations: { 'example.com/a': 'b' } },
          spec: {
            hostIPC: true,
            volumes: [{ name: 'shm', hostPath: { path: '/dev/shm' } }],
            containers: [
              { name: 'vllm', workingDir: '/tmp', env: [{ name: 'DTYPE', value: 'half' }] },
              { name: 'side', image: 'side:1', resources: { limits: { cpu: '0.50' } } },
            ],
          },
        },
      },
      {
        backend: 'two',
        gpuResource: 'amd.com/gpu',
        apiKeySecret: { name: 'keys', key: 'vllm' },
        pod: {
          imagePullPolicy: 'IfNotPresent',
          imagePullSecrets: ['registry', 'other'],
          modelCache: { pvc: 'cache', subPath: 'hub', mountPath: '/models' },
          compileCache: { pvc: 'cache', subPath: 'compiled' },
          shmSize: '0.5Gi',
          resources: { requests: { cpu: '1.5', memory: '1.5Gi' }, limits: { memory: '2048Mi' } },
          probes: { startup: false, readiness: { periodSeconds: 1 }, liveness: false },
          nodeSelector: { 'example.com/gpu': 'l40' },
          tolerations: [{ key: 'gpu', operator: 'Exists', effect: 'NoSchedule' }],
          runtimeClass: 'nvidia',
          serviceAccount: 'models',
          podSecurityContext: { runAsUser: 1000, fsGroup: 1000 },
          securityContext: { readOnlyRootFilesystem: false },
          labels: { team: 'a' },
          annotations: { note: 'b' },
          env: { B: '1', A: '$(B)' },
        },
      },
    ],
  ])(
    '%s are taken as they are, and once applied nothing is other than wanted',
    async (_, spec, at) => {
      const target = here(at)
      const model = manifest(spec)
      expect(validatePod(target, model)).toEqual([])
      for (const object of Object.values(desiredObjects(target, model, 'r1'))) {
        const wanted = {
          ...object,
          metadata: { ...object.metadata, name: `taken-${target.backend}` },
        }
        expect(drift(wanted, await api.apply(wanted))).toEqual([])
        const kind = object.kind as 'Deployment'
        expect(drift(wanted, (await api.get(kind, `taken-${target.backend}`))!)).toEqual([])
        await api.remove(kind, `taken-${target.backend}`)
      }
    },
  )

  it.each(refused)(
    '$path: $says — as the API server finds, too, unless it sees too little',
    async ({ spec = {}, at, byServer }) => {
      const objects = Object.values(desiredObjects(here(at), manifest(spec), 'r1'))
      const answers = await Promise.allSettled(
        objects.map((object: KubernetesObject) => impatient.apply(object, { dryRun: true })),
      )
      const isTaken = answers.every(({ status }) => status === 'fulfilled')
      expect(isTaken).toBe(byServer === false)
    },
  )

  it.each<[string, (found: V1Deployment) => void]>([
    [
      'spec.strategy.type',
      ({ spec }) =>
        void (spec!.strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } }),
    ],
    [
      'spec.template.spec.containers[name=vllm].image',
      ({ spec }) => void (spec!.template.spec!.containers[0]!.image = 'x:1'),
    ],
    [
      'spec.template.spec.containers[name=vllm].args',
      ({ spec }) => void spec!.template.spec!.containers[0]!.args!.push('--more'),
    ],
    [
      'spec.template.spec.containers[name=vllm].env[name=DTYPE]',
      ({ spec }) => {
        const [one] = spec!.template.spec!.containers
        one!.env = one!.env!.filter(({ name }) => name !== 'DTYPE')
      },
    ],
    [
      'spec.template.spec.containers[name=vllm].resources.limits["nvidia.com/gpu"]',
      ({ spec }) => {
        spec!.template.spec!.containers[0]!.resources!.limits!['nvidia.com/gpu'] = '2'
      },
    ],
    [
      'spec.template.spec.containers[name=vllm].startupProbe.periodSeconds',
      ({ spec }) => void (spec!.template.spec!.containers[0]!.startupProbe!.periodSeconds = 7),
    ],
    [
      'spec.template.spec.volumes[name=shm].emptyDir.sizeLimit',
      ({ spec }) => void (spec!.template.spec!.volumes![0]!.emptyDir!.sizeLimit = '64Mi'),
    ],
    [
      'spec.template.spec.volumes[name=shm].emptyDir.medium',
      ({ spec }) =>
        void (spec!.template.spec!.volumes![0] = { name: 'shm', hostPath: { path: '/dev/shm' } }),
    ],
    [
      'spec.template.spec.containers[name=vllm].env[name=DTYPE].valueFrom.configMapKeyRef.name',
      ({ spec }) => {
        const { env } = spec!.template.spec!.containers[0]!
        env![env!.findIndex((each) => each.name === 'DTYPE')] = { name: 'DTYPE', value: 'half' }
      },
    ],
    [
      'spec.template.spec.automountServiceAccountToken',
      ({ spec }) => void (spec!.template.spec!.automountServiceAccountToken = true),
    ],
    [
      'spec.template.spec.terminationGracePeriodSeconds',
      ({ spec }) => void (spec!.template.spec!.terminationGracePeriodSeconds = 1),
    ],
    ['metadata.labels.managed-by', ({ metadata }) => void delete metadata!.labels!['managed-by']],
    [
      'metadata.annotations["vllm-chill.efortin.github.io/model"]',
      ({ metadata }) =>
        void (metadata!.annotations!['vllm-chill.efortin.github.io/model'] = 'other'),
    ],
  ])('%s, edited by somebody, is found and put right', async (path, edit) => {
    const name = 'edited'
    const { deployment } = desiredObjects(here({ deployment: name }), manifest(), 'r1')
    onTestFinished(async () => {
      await api.remove('Deployment', name, { propagation: 'Background' })
      await eventually(async () => (await api.get('Deployment', name)) === undefined, {
        what: 'it is gone',
      })
    })
    await api.apply(deployment)
    // Its controller writes to it, too.
    await eventually(
      async () => {
        const live = await apps.readNamespacedDeployment({ namespace, name })
        edit(live)
        return apps.replaceNamespacedDeployment({ namespace, name, body: live }).catch(ignored409)
      },
      { what: 'the edit is taken' },
    )
    const changes = drift(deployment, (await api.get('Deployment', name))!)
    expect(changes[0]?.path).toBe(path)
    const right = await api.apply(deployment, { force: true }).catch(async (error: ApiFault) => {
      expect(error.code).toBe(422)
      await api.patch('Deployment', name, reshaping(deployment))
      return api.apply(deployment, { force: true })
    })
    expect(drift(deployment, right)).toEqual([])
  })
  const ignored409 = (error: { code?: number }) => {
    if (error.code === 409) return undefined
    throw error
  }

  it.each<[string, object]>([
    ['data.DTYPE', { data: { DTYPE: 'half' } }],
    ['data.MAX_MODEL_LEN', { data: { MAX_MODEL_LEN: null } }],
  ])('%s of the ConfigMap, edited, is found and put right', async (path, body) => {
    const { configMap } = desiredObjects(here(), manifest(), 'r1')
    await api.apply(configMap)
    const where = { namespace, name: configMap.metadata!.name!, body }
    await core.patchNamespacedConfigMap(where, merge)
    const live = (await api.get('ConfigMap', 'vllm-config'))!
    expect(drift(configMap, live).map((each) => each.path)).toEqual([path])
    expect(drift(configMap, await api.apply(configMap, { force: true }))).toEqual([])
  })

  it('a port of the Service, edited, is found and put right', async () => {
    const { service } = desiredObjects(here(), manifest(), 'r1')
    await api.apply(service)
    const body = { spec: { ports: [{ port: 80, targetPort: 9000 }] } }
    await core.patchNamespacedService({ namespace, name: 'vllm-svc', body }, merge)
    const live = (await api.get('Service', 'vllm-svc'))!
    expect(drift(service, live).map((each) => each.path)).toEqual([
      'spec.ports[port=80].targetPort',
    ])
    expect(drift(service, await api.apply(service, { force: true }))).toEqual([])
  })

  it('run the model: its pod becomes ready and answers to each of its names', async () => {
    const model = manifest({ aliases: ['b', '$(DTYPE)'], toolCallParser: 'hermes' })
    const { configMap, service, deployment } = desiredObjects(here(), model, 'r1')
    const objects: KubernetesObject[] = [configMap, service, deployment]
    for (const object of objects) await api.apply(object, { force: true })
    const pod = await eventually(
      async () =>
        (await api.list('Pod', { labelSelector: 'app.kubernetes.io/instance=vllm' })).find(isReady),
      { what: 'its pod is ready' },
    )
    const response = await fetch(`http://${pod.status?.podIP}:8000/v1/models`)
    const { data } = (await response.json()) as { data: { id: string }[] }
    expect(data.map(({ id }) => id)).toEqual(['a', 'b', '$(DTYPE)'])
    await api.remove('Deployment', 'vllm', { propagation: 'Foreground' })
  })
})
