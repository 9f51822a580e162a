import type { V1Container, V1Deployment } from '@kubernetes/client-node'
import { specSchema, type VllmModel } from '../../../catalogue/index.ts'
import { configMapData } from './config-map.ts'
import { gpuCount } from './container.ts'
import { quantityOf } from './quantity.ts'
import type { BackendPlace } from './types.ts'

/**
 * Why a Deployment that is not ours cannot run a model: of such a one only the ConfigMap's data are
 * changed, so whatever the model needs beside the keys that its container reads cannot be had.
 */
export function cannotExpress(
  live: V1Deployment,
  place: BackendPlace,
  model: VllmModel,
): string | undefined {
  const { spec } = model
  const name = `Deployment ${place.namespace}/${place.deployment}`
  const because = (why: string) => `${name} was not made by vllm-chill and is not reshaped: ${why}`
  const container = readerOf(live, place)
  if (container === undefined) {
    return because(
      `no container of it reads the ConfigMap ${place.configMap}, so it cannot turn to ${spec.servedModelName}`,
    )
  }
  const asks: readonly [boolean, string][] = [
    [
      spec.image !== undefined && spec.image !== container.image,
      `it runs the image ${container.image}, the model wants ${spec.image}`,
    ],
    [spec.extraArgs.length > 0, `the model has extraArgs (${spec.extraArgs.join(' ')})`],
    [spec.aliases.length > 0, `the model has aliases (${spec.aliases.join(', ')})`],
    [Object.keys(spec.env).length > 0, `the model has env (${Object.keys(spec.env).join(', ')})`],
    [spec.command !== undefined, 'the model has a command'],
    [spec.podTemplate !== undefined, 'the model has a podTemplate'],
  ]
  const asked = asks.find(([is]) => is)
  if (asked) return because(asked[1])
  const gpus = gpuCount(place, model)
  const has = quantityOf(container.resources?.limits?.[place.gpuResource] ?? 0)
  if (has !== gpus)
    return because(`its container has ${has} ${place.gpuResource}, the model wants ${gpus}`)
  const unread = unreadKeys(container, place, model)
  if (unread.length > 0) {
    return because(
      `its container does not read ${unread.join(', ')}, which the model sets otherwise than by default`,
    )
  }
  return undefined
}

/** The container that takes its model from the ConfigMap. */
function readerOf(live: V1Deployment, place: BackendPlace): V1Container | undefined {
  return live.spec?.template.spec?.containers.find((each) => keysRead(each, place) !== undefined)
}

/** Keys of the ConfigMap that it reads; `all` with `envFrom`. */
function keysRead(
  { env = [], envFrom = [] }: V1Container,
  { configMap }: BackendPlace,
): ReadonlySet<string> | 'all' | undefined {
  if (envFrom.some(({ configMapRef }) => configMapRef?.name === configMap)) return 'all'
  const keys = env.flatMap(({ valueFrom }) =>
    valueFrom?.configMapKeyRef?.name === configMap ? [valueFrom.configMapKeyRef.key] : [],
  )
  return keys.length > 0 ? new Set(keys) : undefined
}

function unreadKeys(container: V1Container, place: BackendPlace, model: VllmModel): string[] {
  const keys = keysRead(container, place)
  if (keys === 'all') return []
  const { modelName, servedModelName } = model.spec
  const usual = configMapData({ ...model, spec: specSchema.parse({ modelName, servedModelName }) })
  const always = new Set(['MODEL_NAME', 'SERVED_MODEL_NAME'])
  return Object.entries(configMapData(model))
    .filter(([key, value]) => !keys?.has(key) && (always.has(key) || value !== usual[key]))
    .map(([key]) => key)
}
