import type { V1EnvVar } from '@kubernetes/client-node'
import type { VllmModel } from '../../../catalogue/index.ts'
import { configMapData, literally } from './config-map.ts'
import type { BackendPlace } from './types.ts'
import { volumesOf } from './volumes.ts'

/**
 * Variables of the container: the ConfigMap's keys, secrets by reference, where its caches are, and over
 * all but the keys what settings and model say.
 */
export function environmentOf(place: BackendPlace, model: VllmModel): V1EnvVar[] {
  const { hfTokenSecret, apiKeySecret, pod } = place
  const literal = ([name, value]: readonly [string, string]) => ({ name, value: literally(value) })
  const keys = Object.keys(configMapData(model)).map((key) => ({
    name: key,
    valueFrom: { configMapKeyRef: { name: place.configMap, key } },
  }))
  const all: readonly V1EnvVar[] = [
    { name: 'HF_TOKEN', valueFrom: { secretKeyRef: { ...hfTokenSecret, optional: true } } },
    ...(apiKeySecret
      ? [{ name: 'VLLM_API_KEY', valueFrom: { secretKeyRef: { ...apiKeySecret } } }]
      : []),
    ...volumesOf(place).flatMap(({ variable, mount }) =>
      variable === undefined ? [] : [{ name: variable, value: mount.mountPath }],
    ),
    ...Object.entries({ ...pod.env, ...model.spec.env }).map(literal),
    ...keys,
  ]
  // The API server refuses a name that is there twice; the last one counts.
  return [...new Map(all.map((each) => [each.name, each])).values()]
}
