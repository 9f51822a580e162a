import { createHash } from 'node:crypto'
import type { V1ConfigMap, V1Deployment, V1Service } from '@kubernetes/client-node'
import type { VllmModel } from '../../../catalogue/index.ts'
import { configMapData } from './config-map.ts'
import { portName } from './container.ts'
import { isMap } from './lists.ts'
import { annotations, labels, podSelector } from './names.ts'
import { podTemplate } from './pod-template.ts'
import { longestStartSeconds } from './probes.ts'
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
          { name: 'http', port: place.servicePort, targetPort: portName, protocol: 'TCP' },
          // vLLM tells its metrics on the port it serves on; the original had a port for them.
          { name: 'metrics', port: 8001, targetPort: portName, protocol: 'TCP' },
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
        // It begins anew with each start, and long ones have a deadline of ours.
        progressDeadlineSeconds: longestStartSeconds,
        template: {
          metadata: {
            labels: template.metadata?.labels,
            annotations: { ...template.metadata?.annotations, ...runs },
          },
          spec: template.spec,
        },
      },
    },
  }
}

/** The same for the same fields in another order. */
function hashOf(value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) =>
    isMap(part) ? Object.fromEntries(Object.entries(part).toSorted(byName)) : part,
  )
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1
}
