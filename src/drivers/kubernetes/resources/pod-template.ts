import type {
  V1Container,
  V1EnvVar,
  V1PodTemplateSpec,
  V1ResourceRequirements,
  V1Volume,
  V1VolumeMount,
} from '@kubernetes/client-node'
import { commandOf, vllmArguments, type VllmModel } from '../../../catalogue/index.ts'
import type { VolumeSettings } from '../../../config/index.ts'
import { configMapData, literally, referringArguments } from './config-map.ts'
import { strategicMerge } from './merge.ts'
import { labels } from './names.ts'
import type { BackendPlace } from './types.ts'

/** What the container is called; patches name it. */
export const containerName = 'vllm'
const port = 8000
const shmSize = '2Gi'
/** From SIGKILL's point of view: what the process may use of the pod's grace, less than all of it. */
const shutdownShare = 0.8
/** Big models load for an hour; the chart's own deadline comes first. */
const longestStartSeconds = 6 * 3_600

/** GPUs that a pod of this model asks for. */
export function gpuCount({ pod }: BackendPlace, { spec }: VllmModel): number {
  return spec.gpuCount ?? pod.gpuCount ?? spec.tensorParallelSize
}

/** The pod of one model at one backend, before our annotations. */
export function podTemplate(place: BackendPlace, model: VllmModel): V1PodTemplateSpec {
  const { pod } = place
  const volumes = volumesOf(place)
  const plain: V1PodTemplateSpec = {
    metadata: {
      labels: { ...pod.labels, ...labels(place) },
      ...(pod.annotations && { annotations: { ...pod.annotations } }),
    },
    spec: {
      containers: [containerOf(place, model, volumes)],
      volumes: volumes.map(({ volume }) => volume),
      terminationGracePeriodSeconds: Math.ceil(place.terminationGraceMs / 1_000),
      // The engine asks nothing of the API server.
      automountServiceAccountToken: false,
      // A Service called vllm would otherwise set VLLM_PORT for it.
      enableServiceLinks: false,
      ...(pod.imagePullSecrets && {
        imagePullSecrets: pod.imagePullSecrets.map((name) => ({ name })),
      }),
      ...(pod.nodeSelector && { nodeSelector: { ...pod.nodeSelector } }),
      ...(pod.tolerations && { tolerations: pod.tolerations.map((each) => ({ ...each })) }),
      ...(pod.runtimeClass && { runtimeClassName: pod.runtimeClass }),
      ...(pod.priorityClass && { priorityClassName: pod.priorityClass }),
      ...(pod.serviceAccount && { serviceAccountName: pod.serviceAccount }),
      securityContext: pod.podSecurityContext ?? { seccompProfile: { type: 'RuntimeDefault' } },
    },
  }
  const general = strategicMerge(plain, pod.podTemplate ?? {})
  return strategicMerge(general, model.spec.podTemplate ?? {}) as V1PodTemplateSpec
}

interface Mounted {
  readonly volume: V1Volume
  readonly mount: V1VolumeMount
}

function containerOf(
  place: BackendPlace,
  model: VllmModel,
  volumes: readonly Mounted[],
): V1Container {
  const { pod } = place
  const [command, ...first] = commandOf(model) ?? ['vllm', 'serve']
  const words = vllmArguments(model)
  const health = { httpGet: { path: '/health', port: 'http' } }
  return {
    name: containerName,
    image: model.spec.image ?? place.image,
    ...(pod.imagePullPolicy && { imagePullPolicy: pod.imagePullPolicy }),
    command: [command!, ...first],
    args: [
      ...referringArguments(words, model),
      '--host',
      '0.0.0.0',
      '--port',
      String(port),
      ...shutdownArguments(place, words),
    ],
    env: environmentOf(place, model),
    ports: [{ name: 'http', containerPort: port }],
    volumeMounts: volumes.map(({ mount }) => mount),
    resources: resourcesOf(place, model),
    startupProbe: {
      ...health,
      periodSeconds: 1,
      timeoutSeconds: 5,
      failureThreshold: longestStartSeconds,
    },
    readinessProbe: { ...health, periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 3 },
    // A busy engine is not a dead one: streams are worth more than a quick restart.
    livenessProbe: { ...health, periodSeconds: 10, timeoutSeconds: 10, failureThreshold: 6 },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    securityContext: pod.securityContext ?? {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
    },
  }
}

/** vLLM cuts what is in flight at SIGTERM unless it is told how long to wait. */
function shutdownArguments(
  { terminationGraceMs }: BackendPlace,
  words: readonly string[],
): string[] {
  if (words.includes('--shutdown-timeout')) return []
  const seconds = Math.floor((terminationGraceMs / 1_000) * shutdownShare)
  return seconds > 0 ? ['--shutdown-timeout', String(seconds)] : []
}

function environmentOf(place: BackendPlace, model: VllmModel): V1EnvVar[] {
  const { hfTokenSecret, apiKeySecret, pod } = place
  const reads = Object.keys(configMapData(model)).map((key) => ({
    name: key,
    valueFrom: { configMapKeyRef: { name: place.configMap, key } },
  }))
  const own = Object.entries({ ...pod.env, ...model.spec.env }).map(([name, value]) => ({
    name,
    value: literally(value),
  }))
  return [
    ...reads,
    {
      name: 'HF_TOKEN',
      valueFrom: { secretKeyRef: { ...hfTokenSecret, optional: true } },
    },
    ...(apiKeySecret
      ? [{ name: 'VLLM_API_KEY', valueFrom: { secretKeyRef: { ...apiKeySecret } } }]
      : []),
    ...own.filter(({ name }) => !reads.some((read) => read.name === name)),
  ]
}

function resourcesOf(place: BackendPlace, model: VllmModel): V1ResourceRequirements {
  const { requests = {}, limits = {} } = place.pod.resources ?? {}
  const gpus = gpuCount(place, model)
  const strings = (amounts: Readonly<Record<string, string | number>>) =>
    Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, String(amount)]))
  return {
    requests: strings(requests),
    limits: { ...strings(limits), ...(gpus > 0 && { [place.gpuResource]: String(gpus) }) },
  }
}

function volumesOf({ pod }: BackendPlace): Mounted[] {
  const cache = (name: string, settings: VolumeSettings | undefined, mountPath: string) =>
    settings
      ? [
          {
            volume: { name, ...sourceOf(settings) },
            mount: { name, mountPath: settings.mountPath ?? mountPath },
          },
        ]
      : []
  return [
    {
      volume: {
        name: 'shm',
        emptyDir: { medium: 'Memory', sizeLimit: String(pod.shmSize ?? shmSize) },
      },
      mount: { name: 'shm', mountPath: '/dev/shm' },
    },
    ...cache('model-cache', pod.modelCache, '/root/.cache/huggingface'),
    ...cache('compile-cache', pod.compileCache, '/root/.cache/vllm'),
  ]
}

function sourceOf({ pvc, hostPath, emptyDir }: VolumeSettings): Partial<V1Volume> {
  if (pvc !== undefined) return { persistentVolumeClaim: { claimName: pvc } }
  if (hostPath !== undefined) return { hostPath: { path: hostPath, type: 'DirectoryOrCreate' } }
  return { emptyDir: { sizeLimit: String(emptyDir) } }
}
