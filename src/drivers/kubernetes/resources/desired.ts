import { createHash } from 'node:crypto'
import type { V1ConfigMap, V1Deployment, V1Service } from '@kubernetes/client-node'
import type { VllmModel } from '../../../catalogue/index.ts'
import { configMapData } from './config-map.ts'
import { annotations, labels, podSelector } from './names.ts'
import { podTemplate } from './pod-template.ts'
import type { BackendPlace } from './types.ts'

export interface DesiredObjects {
  readonly configMap: V1ConfigMap
  readonly service: V1Service
  /** Without `spec.replicas`, which is never applied. */
  readonly deployment: V1Deployment
}

/** The objects of a backend that is to run a model, for a server-side apply. */
export function desiredObjects(
  place: BackendPlace,
  model: VllmModel,
  revision: string,
): DesiredObjects {
  const data = configMapData(model)
  const template = podTemplate(place, model)
  const hash = hashOf([data, template, place.servicePort])
  const runs = {
    [annotations.model]: model.spec.servedModelName,
    [annotations.revision]: revision,
    [annotations.configHash]: hash,
  }
  const metadata = (name: string) => ({
    name,
    namespace: place.namespace,
    labels: labels(place),
    annotations: { [annotations.installation]: place.installation, ...runs },
  })
  return {
    configMap: { apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata(place.configMap), data },
    service: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata(place.service),
      spec: {
        selector: podSelector(place),
        ports: [
          { name: 'http', port: place.servicePort, targetPort: 'http', protocol: 'TCP' },
          // vLLM tells its metrics on the port it serves on; the original had a port for them.
          { name: 'metrics', port: 8001, targetPort: 'http', protocol: 'TCP' },
        ],
      },
    },
    deployment: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: metadata(place.deployment),
      spec: {
        selector: { matchLabels: podSelector(place) },
        // Two pods of one backend would need twice its GPUs.
        strategy: { type: 'Recreate' },
        revisionHistoryLimit: 2,
        template: {
          ...template,
          metadata: {
            ...template.metadata,
            annotations: { ...template.metadata?.annotations, ...runs },
          },
        },
      },
    },
  }
}

function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 12)
}
