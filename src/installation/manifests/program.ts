import type {
  V1Container,
  V1Deployment,
  V1EnvVar,
  V1PodSpec,
  V1Volume,
  V1VolumeMount,
} from '@kubernetes/client-node'
import type { Settings } from '../../config/index.ts'
import {
  configHashAnnotation,
  httpPort,
  labels,
  metadataOf,
  operationsPort,
  selectorLabels,
  type InstallationPlan,
  type SecretKey,
} from '../plan.ts'
import { configFile, configFolder, configurationHash } from './configuration.ts'

/** The user `nobody` of distroless images; nothing in the image needs to be owned by it. */
const userId = 65_532
const keysFolder = '/etc/vllm-chill-keys'
const keysFile = 'api-keys'
/** Between the last answer and the end: connections close, the Lease is given away. */
const lastWordsMs = 15_000
/** Without `cut` an answer runs to its end; an hour is longer than any that is not stuck. */
const longestAnswerMs = 3_600_000
const mebibyte = 1024 ** 2

export function program(plan: InstallationPlan): V1Deployment {
  const hash = configurationHash(plan)
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadataOf(plan),
    spec: {
      replicas: plan.replicas,
      revisionHistoryLimit: 3,
      selector: { matchLabels: selectorLabels(plan) },
      // The next one is ready before the last one drains.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: {
          labels: labels(plan),
          ...(hash !== undefined && { annotations: { [configHashAnnotation]: hash } }),
        },
        spec: podSpec(plan),
      },
    },
  }
}

function podSpec(plan: InstallationPlan): V1PodSpec {
  const { name, settings, imagePullSecrets } = plan
  const volumes = volumesOf(plan)
  return {
    serviceAccountName: name,
    automountServiceAccountToken: true,
    // A Service called `vllm` would set VLLM_PORT, which is a setting.
    enableServiceLinks: false,
    ...(imagePullSecrets.length > 0 && {
      imagePullSecrets: imagePullSecrets.map((name) => ({ name })),
    }),
    terminationGracePeriodSeconds: terminationGraceSeconds(settings),
    securityContext: {
      runAsNonRoot: true,
      runAsUser: userId,
      runAsGroup: userId,
      fsGroup: userId,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [container(plan)],
    ...(volumes.length > 0 && { volumes }),
  }
}

function container(plan: InstallationPlan): V1Container {
  const { settings, image } = plan
  const volumeMounts = mountsOf(plan)
  return {
    name: 'vllm-chill',
    image,
    command: ['vllm-chill'],
    args: ['serve', '--driver=kubernetes'],
    env: environment(plan),
    ports: [
      { name: httpPort, containerPort: settings.port, protocol: 'TCP' },
      ...(settings.operationsPort === undefined
        ? []
        : [{ name: operationsPort, containerPort: settings.operationsPort, protocol: 'TCP' }]),
    ],
    startupProbe: { ...probe('/health'), periodSeconds: 1, failureThreshold: 60 },
    readinessProbe: { ...probe('/readyz'), periodSeconds: 2, failureThreshold: 2 },
    livenessProbe: { ...probe('/health'), periodSeconds: 10, failureThreshold: 6 },
    resources: {
      requests: { cpu: '100m', memory: '256Mi' },
      limits: { memory: memoryLimit(settings) },
    },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    ...(volumeMounts.length > 0 && { volumeMounts }),
  }
}

/**
 * Longer than a shutdown may take, so that no stream is cut by it. A pod that has nothing to finish ends
 * at once, whatever its grace.
 */
function terminationGraceSeconds(
  settings: Pick<Settings, 'shutdownDelayMs' | 'drainDeadlineMs' | 'drainDeadlineAction'>,
): number {
  const { shutdownDelayMs, drainDeadlineMs, drainDeadlineAction } = settings
  const drainMs =
    drainDeadlineAction === 'cut' ? drainDeadlineMs : Math.max(drainDeadlineMs, longestAnswerMs)
  return Math.ceil((shutdownDelayMs + drainMs + lastWordsMs) / 1000)
}

/** The bodies of waiting requests, once as they came and once on their way, beside the program. */
function memoryLimit({ maxHeldBytes }: Settings): string {
  return `${512 + 2 * Math.ceil(maxHeldBytes / mebibyte)}Mi`
}

function environment(plan: InstallationPlan): V1EnvVar[] {
  const { settings, configuration, apiKeysSecret, operationsTokenSecret } = plan
  const from = ({ name, key }: SecretKey) => ({ secretKeyRef: { name, key } })
  const fields: V1EnvVar[] = [
    { name: 'VLLM_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
  ]
  if (Object.keys(configuration).length > 0)
    fields.push({ name: 'VLLM_CHILL_CONFIG', value: `${configFolder}/${configFile}` })
  if (apiKeysSecret !== undefined)
    fields.push({ name: 'VLLM_CHILL_API_KEYS_FILE', value: `${keysFolder}/${keysFile}` })
  if (operationsTokenSecret !== undefined)
    fields.push({ name: 'VLLM_CHILL_OPERATIONS_TOKEN', valueFrom: from(operationsTokenSecret) })
  if (settings.apiKeySecret !== undefined)
    fields.push({ name: 'VLLM_CHILL_BACKEND_API_KEY', valueFrom: from(settings.apiKeySecret) })
  return fields
}

function volumesOf({ name, configuration, apiKeysSecret }: InstallationPlan): V1Volume[] {
  const volumes: V1Volume[] = []
  if (Object.keys(configuration).length > 0) volumes.push({ name: 'config', configMap: { name } })
  if (apiKeysSecret !== undefined) {
    const items = [{ key: apiKeysSecret.key, path: keysFile }]
    const secret = { secretName: apiKeysSecret.name, items, defaultMode: 0o440 }
    volumes.push({ name: 'api-keys', secret })
  }
  return volumes
}

function mountsOf({ configuration, apiKeysSecret }: InstallationPlan): V1VolumeMount[] {
  const mounts: V1VolumeMount[] = []
  if (Object.keys(configuration).length > 0)
    mounts.push({ name: 'config', mountPath: configFolder, readOnly: true })
  if (apiKeysSecret !== undefined)
    mounts.push({ name: 'api-keys', mountPath: keysFolder, readOnly: true })
  return mounts
}

const probe = (path: string) => ({ httpGet: { path, port: httpPort }, timeoutSeconds: 5 })
