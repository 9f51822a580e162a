import type { BackendPlace } from '../../../../../src/drivers/kubernetes/index.ts'

/** Something that cannot work: the field that is named for it, a part of why, and who else would say so. */
export interface Refused {
  readonly path: string
  readonly says: string
  readonly spec?: Record<string, unknown>
  readonly at?: Partial<BackendPlace>
  /** False where the API server takes it, and it fails or misleads later. */
  readonly byServer?: false
}

const container = (fields: object) => ({
  podTemplate: { spec: { containers: [{ name: 'vllm', ...fields }] } },
})
const limits = (amounts: Record<string, string>) => ({ pod: { resources: { limits: amounts } } })

export const refused: readonly Refused[] = [
  {
    path: 'spec.image',
    says: 'not an image is not allowed; expected registry/name:tag',
    spec: { image: 'not an image' },
    byServer: false,
  },
  { path: 'image', says: '-x is not allowed', at: { image: '-x' }, byServer: false },
  {
    path: 'image',
    says: 'vllm/VLLM:v1 is not allowed',
    at: { image: 'vllm/VLLM:v1' },
    byServer: false,
  },
  { path: 'gpuResource', says: 'with its domain', at: { gpuResource: 'gpu' } },
  { path: 'deployment', says: 'lower-case', at: { deployment: 'My_Vllm' } },
  { path: 'configmap', says: 'lower-case', at: { configMap: 'a/b' } },
  { path: 'service', says: 'beginning with a letter', at: { service: '10' } },
  {
    path: 'spec.gpuCount',
    says: '2 is less than tensorParallelSize (4)',
    spec: { tensorParallelSize: 4, gpuCount: 2 },
    byServer: false,
  },
  {
    path: 'pod.gpuCount',
    says: '2 is less than tensorParallelSize (4)',
    spec: { tensorParallelSize: 4 },
    at: { pod: { gpuCount: 2 } },
    byServer: false,
  },
  {
    path: 'pod.resources.limits.nvidia.com/gpu',
    says: 'what gpuCount is for',
    at: limits({ 'nvidia.com/gpu': '3' }),
    byServer: false,
  },
  {
    path: 'pod.resources.requests.memory',
    says: '9Gi is more than its limit (8Gi)',
    at: { pod: { resources: { requests: { memory: '9Gi' }, limits: { memory: '8Gi' } } } },
  },
  {
    path: 'pod.resources.limits.memory',
    says: '1Gi leaves nothing beside shmSize (2Gi)',
    at: limits({ memory: '1Gi' }),
    byServer: false,
  },
  { path: 'pod.resources.limits.cpu', says: 'many is no amount', at: limits({ cpu: 'many' }) },
  { path: 'pod.resources.limits.mem', says: 'is no resource', at: limits({ mem: '1Gi' }) },
  {
    path: 'pod.resources.requests.nvidia.com/gpu',
    says: 'as they are limited: 1',
    at: { pod: { resources: { requests: { 'nvidia.com/gpu': '0' } } } },
  },
  {
    path: 'pod.resources.limits.example.com/nic',
    says: 'not a whole number',
    at: limits({ 'example.com/nic': '500m' }),
  },
  {
    path: 'pod.resources.requests.example.com/nic',
    says: 'need a limit',
    at: { pod: { resources: { requests: { 'example.com/nic': '1' } } } },
  },
  {
    path: 'spec.env.DTYPE',
    says: 'is a key of the ConfigMap',
    spec: { env: { DTYPE: 'half' } },
    byServer: false,
  },
  {
    path: 'pod.env.MODEL_NAME',
    says: 'is a key of the ConfigMap',
    at: { pod: { env: { MODEL_NAME: 'x' } } },
    byServer: false,
  },
  {
    path: 'podTemplate.spec.containers[name=vllm].env',
    says: '=a is not allowed',
    at: { pod: { env: { '=a': 'x' } } },
  },
  {
    path: 'podTemplate.metadata.labels.team',
    says: 'the ml team is not allowed',
    at: { pod: { labels: { team: 'the ml team' } } },
  },
  {
    path: 'podTemplate.metadata.annotations',
    says: 'a/b/c is not allowed',
    at: { pod: { annotations: { 'a/b/c': '' } } },
  },
  {
    path: 'podTemplate.spec.nodeSelector',
    says: '-gpu is not allowed',
    at: { pod: { nodeSelector: { '-gpu': 'x' } } },
  },
  {
    path: 'podTemplate.metadata.labels.app',
    says: 'must stay vllm',
    spec: { podTemplate: { metadata: { labels: { app: 'mine' } } } },
  },
  {
    path: 'podTemplate.spec.restartPolicy',
    says: 'Never is not allowed',
    spec: { podTemplate: { spec: { restartPolicy: 'Never' } } },
  },
  {
    path: 'podTemplate.spec.containers',
    says: 'must keep the container called vllm',
    spec: { podTemplate: { spec: { containers: [{ name: 'vllm', $patch: 'delete' }] } } },
  },
  {
    path: 'podTemplate.spec.containers[name=vllm].ports',
    says: 'must keep one called http',
    spec: container({ ports: [{ $patch: 'replace' }] }),
    byServer: false,
  },
  {
    path: 'podTemplate.spec.containers[name=side].image',
    says: 'nothing is not allowed',
    spec: { podTemplate: { spec: { containers: [{ name: 'side' }] } } },
  },
  {
    path: 'podTemplate.spec.initContainers[name=Fetch].name',
    says: 'Fetch is not allowed',
    spec: { podTemplate: { spec: { initContainers: [{ name: 'Fetch', image: 'x:1' }] } } },
  },
  {
    path: 'podTemplate.spec.containers[name=vllm].volumeMounts',
    says: '/x mounts no, which is no volume',
    spec: container({ volumeMounts: [{ name: 'no', mountPath: '/x' }] }),
  },
  {
    path: 'podTemplate.spec.containers[name=vllm].volumeMounts',
    says: '/cache is mounted twice',
    at: {
      pod: {
        modelCache: { pvc: 'a', mountPath: '/cache' },
        compileCache: { pvc: 'a', mountPath: '/cache' },
      },
    },
  },
  {
    path: 'podTemplate.spec.containers[name=vllm].securityContext.allowPrivilegeEscalation',
    says: 'does not go with privileged',
    spec: container({ securityContext: { privileged: true } }),
  },
  {
    path: 'podTemplate.spec.containers[name=vllm].securityContext.allowPrivilegeEscalation',
    says: 'does not go with CAP_SYS_ADMIN',
    spec: container({ securityContext: { capabilities: { add: ['CAP_SYS_ADMIN'] } } }),
  },
  {
    path: 'spec.podTemplate.spec.tolerations',
    says: '{"key":"gpu"} is not a list',
    spec: { podTemplate: { spec: { tolerations: { key: 'gpu' } } } },
  },
  {
    path: 'spec.podTemplate.spec.hostIPC',
    says: '"yes" is not true or false',
    spec: { podTemplate: { spec: { hostIPC: 'yes' } } },
  },
  {
    path: 'spec.podTemplate.spec.containers[0].env[0].value',
    says: '1 is not text; quote it',
    spec: container({ env: [{ name: 'A', value: 1 }] }),
  },
  {
    path: 'spec.podTemplate.spec.containers[0].resources.limits.cpu',
    says: 'true is not an amount',
    spec: container({ resources: { limits: { cpu: true } } }),
  },
  {
    path: 'spec.podTemplate.spec.nodeSelector.gpu',
    says: '["l40"] is not text',
    spec: { podTemplate: { spec: { nodeSelector: { gpu: ['l40'] } } } },
  },
  {
    path: 'spec.podTemplate.spec.containers[0].livenessProbe.periodSeconds',
    says: '"10" is not a number',
    spec: container({ livenessProbe: { periodSeconds: '10' } }),
  },
  {
    path: 'spec.podTemplate.spce',
    says: 'unknown field; did you mean spec?',
    spec: { podTemplate: { spce: {} } },
    byServer: false,
  },
  {
    path: 'pod.podTemplate.spec.priorityClasName',
    says: 'did you mean priorityClassName?',
    at: { templates: [{ spec: { priorityClasName: 'high' } }] },
  },
  {
    path: 'pod.securityContext.runAsUsr',
    says: 'did you mean runAsUser?',
    at: { pod: { securityContext: { runAsUsr: 1 } } },
  },
  {
    path: 'pod.podSecurityContext.fsGroup',
    says: '"users" is not a number',
    at: { pod: { podSecurityContext: { fsGroup: 'users' } } },
  },
  {
    path: 'spec.podTemplate.spec.volumes[0].$retainKeys',
    says: 'is not understood',
    spec: { podTemplate: { spec: { volumes: [{ name: 'shm', $retainKeys: ['name'] }] } } },
  },
  {
    path: 'spec.podTemplate.spec.affinity.$patch',
    says: '"merge" is not one of replace and delete',
    spec: { podTemplate: { spec: { affinity: { $patch: 'merge' } } } },
    byServer: false,
  },
  {
    path: 'spec.env.VLLM_API_KEY',
    says: 'comes from apiKeySecret',
    spec: { env: { VLLM_API_KEY: 'x' } },
    at: { apiKeySecret: { name: 'keys', key: 'vllm' } },
    byServer: false,
  },
  {
    path: 'podTemplate.spec.containers[name=vllm].resources.limits.nvidia.com/gpu',
    says: '1 is less than tensorParallelSize (2)',
    spec: {
      tensorParallelSize: 2,
      ...container({ resources: { limits: { 'nvidia.com/gpu': '1' } } }),
    },
    byServer: false,
  },
  {
    path: 'spec.podTemplate.containers',
    says: 'it has metadata and spec',
    spec: { podTemplate: { containers: [] } },
    byServer: false,
  },
  {
    path: 'pod.podTemplate.containers',
    says: 'it has metadata and spec',
    at: { templates: [{ containers: [] }] },
    byServer: false,
  },
]
