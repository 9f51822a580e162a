import type { V1PodTemplateSpec } from '@kubernetes/client-node'
import type { VllmModel } from '../../../catalogue/index.ts'
import { containerOf } from './container.ts'
import { strategicMerge } from './merge.ts'
import { labels } from './names.ts'
import type { BackendPlace } from './types.ts'
import { volumesOf } from './volumes.ts'

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
      // What Docker does too, so the image is known to bear it.
      securityContext: pod.podSecurityContext ?? { seccompProfile: { type: 'RuntimeDefault' } },
    },
  }
  const patches = [...place.templates, model.spec.podTemplate ?? {}]
  return patches.reduce<unknown>(
    (template, patch) => strategicMerge(template, patch),
    plain,
  ) as V1PodTemplateSpec
}
