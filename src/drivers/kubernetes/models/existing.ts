import type { V1ConfigMap, V1Container, V1Deployment } from '@kubernetes/client-node'
import {
  catalogueModel,
  keepModels,
  modelApiVersion,
  modelKind,
  modelSchema,
  nothingKnown,
  type Catalogue,
  type CatalogueModel,
  type CatalogueProblem,
  type ChangeListeners,
  type ModelDefaults,
} from '../../../catalogue/index.ts'
import type { Api } from '../api/index.ts'
import type { BackendPlace } from '../resources/index.ts'

export interface ExistingOptions extends ChangeListeners {
  readonly api: Pick<Api, 'follow' | 'namespace'>
  readonly places: Readonly<Record<string, BackendPlace>>
  readonly defaults: ModelDefaults
  /** What is served where a Deployment does not say. */
  readonly defaultModel: string | undefined
}

/**
 * Where nobody has installed VLLMModels: the models that existing Deployments say they serve. They are
 * only scaled, so nothing else of a manifest matters.
 */
export async function openExistingCatalogue(options: ExistingOptions): Promise<Catalogue> {
  const { api, places, defaults, defaultModel } = options
  const kept = keepModels(options, () => {
    for (const follower of followers) follower.close()
    return Promise.resolve()
  })
  const named = (name: string) => ({ fieldSelector: `metadata.name=${name}` })
  const pairs = Object.values(places).map((place) => ({
    place,
    deployments: api.follow('Deployment', named(place.deployment), () => read()),
    configMaps: api.follow('ConfigMap', named(place.configMap), () => read()),
  }))
  const followers = pairs.flatMap(({ deployments, configMaps }) => [deployments, configMaps])

  function read(): void {
    const models = new Map<string, CatalogueModel>()
    const problems: CatalogueProblem[] = []
    for (const { place, deployments, configMaps } of pairs) {
      const source = `Deployment ${api.namespace}/${place.deployment}`
      const deployment = deployments.objects.get(place.deployment)
      if (!deployment) {
        problems.push({
          source,
          message: 'is not there; create it, or turn on --enable-model-switch',
        })
        continue
      }
      const [name, ...aliases] = servedNames(deployment, configMaps.objects.get(place.configMap))
      const served = name ?? defaultModel
      if (served === undefined) {
        const message = 'does not say by its arguments what it serves; say so with --default-model'
        problems.push({ source, message })
        continue
      }
      const known = kept.known.models.find((model) => model.name === served)
      models.set(served, known ?? modelOf(served, aliases, source, defaults))
    }
    kept.adopt({ ...nothingKnown, models: [...models.values()], problems })
  }

  await Promise.all(followers.map(({ synced }) => synced))
  read()
  return kept.catalogue
}

function modelOf(
  name: string,
  aliases: readonly string[],
  source: string,
  defaults: ModelDefaults,
): CatalogueModel {
  const manifest = modelSchema.parse({
    apiVersion: modelApiVersion,
    kind: modelKind,
    metadata: { name: 'existing' },
    spec: { modelName: name, servedModelName: name, aliases },
  })
  return catalogueModel(manifest, defaults, { source, createdAt: Math.floor(Date.now() / 1_000) })
}

/** The names that vLLM is told to answer to, the first of them its own; none where it is not told. */
export function servedNames(
  { spec }: V1Deployment,
  configMap: V1ConfigMap | undefined,
): readonly string[] {
  for (const container of spec?.template.spec?.containers ?? []) {
    const names = namesIn(wordsOf(container, configMap))
    if (names.length > 0) return names
  }
  return []
}

/** Command and arguments with what is known of their variables, also where a shell runs them. */
function wordsOf(
  { command = [], args = [], env = [] }: V1Container,
  configMap: V1ConfigMap | undefined,
): string[] {
  const values = new Map(
    env.map(({ name, value, valueFrom }) => [
      name,
      value ?? configMap?.data?.[valueFrom?.configMapKeyRef?.key ?? ''] ?? '',
    ]),
  )
  return [...command, ...args]
    .flatMap((word) => word.split(/\s+/))
    .map((word) =>
      word
        .replaceAll(/^["']|["']$/g, '')
        .replaceAll(/\$[({]?(\w+)[)}]?/g, (whole, name: string) => values.get(name) ?? whole),
    )
    .filter((word) => word !== '')
}

function namesIn(words: readonly string[]): readonly string[] {
  const after = (flag: string): string[] => {
    const inline = words.find((word) => word.startsWith(`${flag}=`))
    if (inline !== undefined) return [inline.slice(flag.length + 1)]
    const at = words.indexOf(flag)
    if (at < 0) return []
    const rest = words.slice(at + 1)
    const end = rest.findIndex((word) => word.startsWith('-'))
    return end < 0 ? rest : rest.slice(0, end)
  }
  const served = after('--served-model-name')
  if (served.length > 0) return served
  const [model] = after('--model')
  if (model !== undefined) return [model]
  const serve = words.indexOf('serve')
  const positional = words[serve + 1]
  const isNamed = serve >= 0 && positional !== undefined && !positional.startsWith('-')
  return isNamed ? [positional] : []
}
