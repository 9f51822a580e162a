import {
  AppsV1Api,
  CoreV1Api,
  type KubeConfig,
  type V1Container,
  type V1ContainerStatus,
  type V1Pod,
  type V1PodSpec,
} from '@kubernetes/client-node'
import { eventually } from './control-plane/index.ts'

export const namespace = 'ai-apps'

export interface WorkloadOptions {
  readonly replicas?: number
  readonly gpus?: number
  readonly image?: string
  readonly graceSeconds?: number
  readonly pod?: Partial<V1PodSpec>
  readonly container?: Partial<V1Container>
  readonly annotations?: Record<string, string>
}

const probe = { httpGet: { path: '/health', port: 'http' }, periodSeconds: 1 }

/** A Deployment of simulated vLLM, and ways to wait for what becomes of it. */
export async function deploy(client: KubeConfig, name: string, options: WorkloadOptions = {}) {
  const apps = client.makeApiClient(AppsV1Api)
  const core = client.makeApiClient(CoreV1Api)
  const { replicas = 1, gpus = 1, image = 'vllm/vllm-openai:simulated' } = options
  const labels = { app: name }
  await apps.createNamespacedDeployment({
    namespace,
    body: {
      metadata: { name },
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels, annotations: options.annotations },
          spec: {
            terminationGracePeriodSeconds: options.graceSeconds ?? 5,
            ...options.pod,
            containers: [
              {
                name: 'vllm',
                image,
                args: ['--model', 'org/model', '--served-model-name', name],
                ports: [{ name: 'http', containerPort: 8000 }],
                startupProbe: { ...probe, failureThreshold: 600 },
                readinessProbe: probe,
                resources: { limits: { 'nvidia.com/gpu': String(gpus) } },
                ...options.container,
              },
            ],
          },
        },
      },
    },
  })
  const pods = async () => {
    const list = await core.listNamespacedPod({ namespace, labelSelector: `app=${name}` })
    return list.items
  }
  return {
    apps,
    core,
    pods,
    /** The first pod that satisfies it. */
    podThat: (what: string, test: (pod: V1Pod) => boolean) =>
      eventually(async () => (await pods()).find(test), { what: `a pod of ${name} ${what}` }),
    podsThat: (what: string, test: (pods: V1Pod[]) => boolean) =>
      eventually(
        async () => {
          const all = await pods()
          return test(all) ? all : undefined
        },
        { what: `pods of ${name}: ${what}` },
      ),
    /** The scale subresource, unconditionally. */
    async scale(replicas: number) {
      const scale = await apps.readNamespacedDeploymentScale({ namespace, name })
      scale.spec = { replicas }
      delete scale.metadata?.resourceVersion
      await apps.replaceNamespacedDeploymentScale({ namespace, name, body: scale })
    },
    async remove() {
      await apps.deleteNamespacedDeployment({ namespace, name })
      await eventually(async () => (await pods()).length === 0, { what: `${name} is gone` })
    },
  }
}

export const condition = (pod: V1Pod, type: string) =>
  pod.status?.conditions?.find((one) => one.type === type)

export const isReady = (pod: V1Pod) => condition(pod, 'Ready')?.status === 'True'

export const containerStatus = (pod: V1Pod): V1ContainerStatus | undefined =>
  pod.status?.containerStatuses?.[0]

export const waitingReason = (pod: V1Pod) => containerStatus(pod)?.state?.waiting?.reason
