import type { V1ConfigMap, V1Deployment } from '@kubernetes/client-node'
import { configMapData } from '../../../../../src/drivers/kubernetes/index.ts'
import { manifest } from '../resources/place.ts'

const data = configMapData(manifest())

/** As a user of the original has it: its own labels and image, and every key of the ConfigMap. */
export function theirDeployment(): V1Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'vllm', labels: { team: 'ml' } },
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: 'their-vllm' } },
      template: {
        metadata: { labels: { app: 'their-vllm' } },
        spec: {
          containers: [
            {
              name: 'server',
              image: 'theirs/vllm:1',
              command: ['serve.sh'],
              env: Object.keys(data).map((key) => ({
                name: key,
                valueFrom: { configMapKeyRef: { name: 'vllm-config', key } },
              })),
              ports: [{ name: 'http', containerPort: 8000 }],
            },
          ],
        },
      },
    },
  }
}

/** Says that the model is `a`, but for what is said here. */
export function theirConfigMap(changes: Record<string, string> = {}): V1ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'vllm-config' },
    data: { ...data, OWN_KEY: 'stays', ...changes },
  }
}
