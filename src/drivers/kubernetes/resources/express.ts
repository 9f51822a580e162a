import type { V1Container, V1Deployment } from '@kubernetes/client-node'
import { specSchema, type VllmModel } from '../../../catalogue/index.ts'
import { configMapData } from './config-map.ts'
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
  const gpus = whyTooFewGpus(container, place, model)
  if (gpus !== undefined) return because(gpus)
  const unread = unreadKeys(container, place, model)
  if (unread.length > 0) {
    return because(
      `its container does not read ${unread.join(', ')}, which the model sets otherwise than by default`,
    )
  }
  return undefined
}

/**
 * More devices than it needs are none of our business. Where none is limited, the runtime gives what there
 * is, which does for a model that fits on one.
 */
function whyTooFewGpus(
  { resources }: V1Container,
  { gpuResource }: BackendPlace,
  { spec }: VllmModel,
): string | undefined {
  const needed = spec.gpuCount ?? spec.tensorParallelSize
  const limit = resources?.limits?.[gpuResource]
  if (limit === undefined && needed <= 1) return undefined
  const has = quantityOf(limit) ?? 0
  return has < needed
    ? `its container has ${has} ${gpuResource}, the model wants ${needed}`
    : undefined
}

/** The container that takes its model from the ConfigMap. */
function readerOf(live: V1Deployment, place: BackendPlace): V1Container | undefined {
  return live.spec?.template.spec?.containers.find((each) => keysRead(each, place) !== undefined)
}

/** Keys of the ConfigMap that reach it; undefined: none. */
function keysRead(container: V1Container, place: BackendPlace): ReadonlySet<string> | undefined {
  const variables = variablesOf(container, place)
  const words = [...(container.command ?? []), ...(container.args ?? [])]
  const named = variables.filter(([name]) => words.some((word) => mentions(word, name)))
  // A script of its image may read them by itself, where nothing on its command line does.
  const read = named.length > 0 || isVllmItself(words) ? named : variables
  return read.length > 0 ? new Set(read.map(([, key]) => key)) : undefined
}

/** Its variables that come from the ConfigMap, each with its key. */
function variablesOf(
  { env = [], envFrom = [] }: V1Container,
  { configMap }: BackendPlace,
): readonly (readonly [name: string, key: string])[] {
  const all = envFrom
    .filter(({ configMapRef }) => configMapRef?.name === configMap)
    .flatMap(({ prefix = '' }) => allKeys.map((key) => [`${prefix}${key}`, key] as const))
  const single = env.flatMap(({ name, valueFrom }) =>
    valueFrom?.configMapKeyRef?.name === configMap
      ? [[name, valueFrom.configMapKeyRef.key] as const]
      : [],
  )
  return [...all, ...single]
}

/** `$(NAME)` of Kubernetes, `$NAME` and `${NAME…}` of a shell. */
function mentions(word: string, name: string): boolean {
  return new RegExp(String.raw`\$(\(${name}\)|${name}\b|\{${name}\b)`).test(word)
}

/** vLLM reads none of the variables, whatever is in its environment. */
function isVllmItself(words: readonly string[]): boolean {
  const flags = new Set(['--model', '--served-model-name'])
  return words.some(
    (word) => word.startsWith('vllm.entrypoints.') || flags.has(word.split('=')[0] ?? ''),
  )
}

const usualSpec = (modelName: string, servedModelName: string) =>
  specSchema.parse({ modelName, servedModelName })

const allKeys = Object.keys(
  configMapData({
    apiVersion: 'vllm.efortin.github.io/v1alpha1',
    kind: 'VLLMModel',
    metadata: { name: 'any' },
    spec: usualSpec('any', 'any'),
  }),
)

function unreadKeys(container: V1Container, place: BackendPlace, model: VllmModel): string[] {
  const keys = keysRead(container, place)
  const { modelName, servedModelName } = model.spec
  const usual = configMapData({ ...model, spec: usualSpec(modelName, servedModelName) })
  const always = new Set(['MODEL_NAME', 'SERVED_MODEL_NAME'])
  return Object.entries(configMapData(model))
    .filter(([key, value]) => !keys?.has(key) && (always.has(key) || value !== usual[key]))
    .map(([key]) => key)
}
