import type { KubernetesObject } from '@kubernetes/client-node'
import type { CatalogueModel } from '../catalogue/index.ts'
import {
  ApiFault,
  cannotExpress,
  configMapData,
  desiredObjects,
  isOurs,
  labelOf,
  validatePod,
  type Api,
  type BackendPlace,
  type Kind,
} from '../drivers/kubernetes/index.ts'
import { changeInWords, changesOf } from './difference.ts'
import { inWords } from './in-words.ts'
import { toYaml } from './yaml.ts'

export interface DryRunOptions {
  readonly api: Api
  readonly places: Readonly<Record<string, BackendPlace>>
  readonly models: ReadonlyMap<string, CatalogueModel>
  /** The one that the resources are made from; the first by name unless given. */
  readonly defaultModel: string | undefined
  /** False: an existing Deployment is only scaled. */
  readonly manages: boolean
  /** A line about what would be done. */
  readonly tell: (line: string) => void
}

/**
 * What `serve` would change in the cluster, each object tried by the server itself, which changes
 * nothing. False: something of it would be refused.
 */
export async function dryRunServe(options: DryRunOptions): Promise<boolean> {
  let isFine = true
  for (const place of Object.values(options.places)) {
    if (!(await tryBackend(place, options))) isFine = false
  }
  return isFine
}

async function tryBackend(place: BackendPlace, options: DryRunOptions): Promise<boolean> {
  const { api, models, defaultModel, manages, tell } = options
  tell(`backend ${place.backend}:`)
  const live = await inWords(() => api.get('Deployment', place.deployment))
  if (!manages) {
    const name = `Deployment ${place.namespace}/${place.deployment}`
    tell(live ? `  ${name} is there and would only be scaled` : `  ${name} is not there`)
    return live !== undefined
  }
  let isFine = true
  for (const model of models.values()) {
    const why = whyNot(place, model, live)
    if (why === undefined) continue
    isFine = false
    tell(`  model ${model.name} cannot be started here: ${why}`)
  }
  const model = models.get(defaultModel ?? '') ?? [...models.values()][0]
  if (!model) {
    tell('  no VLLMModel is there yet; with the first one, the objects would be made')
    return isFine
  }
  tell(`  for model ${model.name}, without a replica until somebody asks:`)
  const wanted = desiredObjects(place, model.manifest, model.facts.revision)
  for (const object of [wanted.configMap, wanted.service, wanted.deployment]) {
    if (!(await tryObject(object, place, model, options))) isFine = false
  }
  return isFine
}

function whyNot(
  place: BackendPlace,
  { manifest }: CatalogueModel,
  live: KubernetesObject | undefined,
): string | undefined {
  if (live && !isOurs(live, place.installation)) return cannotExpress(live, place, manifest)
  const problems = validatePod(place, manifest)
  if (problems.length === 0) return undefined
  return problems.map(({ path, message }) => `${path}: ${message}`).join('; ')
}

async function tryObject(
  wanted: KubernetesObject,
  place: BackendPlace,
  model: CatalogueModel,
  { api, tell }: DryRunOptions,
): Promise<boolean> {
  const title = labelOf(wanted)
  const kind = wanted.kind as Kind
  const live = await inWords(() => api.get(kind, wanted.metadata?.name ?? ''))
  if (live && !isOurs(live, place.installation)) {
    return tryForeign(title, live, model, tell)
  }
  // As it is made for the first time: asleep.
  const spec = (wanted as { spec?: object }).spec
  const asMade =
    kind === 'Deployment' && !live ? { ...wanted, spec: { ...spec, replicas: 0 } } : wanted
  try {
    const after = await api.apply(asMade, { dryRun: true, force: true })
    if (live === undefined) {
      tell(`  ${title} would be created`)
      for (const line of toYaml([asMade]).trimEnd().split('\n')) tell(`    + ${line}`)
      return true
    }
    const changes = changesOf(live, after)
    tell(`  ${title} ${changes.length === 0 ? 'is as it should be' : 'would be changed'}`)
    for (const change of changes) tell(`    ${changeInWords(change)}`)
    return true
  } catch (error) {
    if (!(error instanceof ApiFault)) throw error
    tell(`  ${title} would be refused: ${error.message}`)
    return false
  }
}

/** Of what is not ours, only the keys of a ConfigMap are written. */
function tryForeign(
  title: string,
  live: KubernetesObject,
  { manifest, name }: CatalogueModel,
  tell: DryRunOptions['tell'],
): boolean {
  if (live.kind !== 'ConfigMap') {
    tell(`  ${title} is not ours and stays as it is`)
    return true
  }
  const before = (live as { data?: Record<string, string> }).data ?? {}
  const after = { ...before, ...configMapData(manifest) }
  const changes = changesOf({ data: before }, { data: after })
  tell(`  ${title} is not ours; when ${name} is loaded, of its data ${changes.length} would change`)
  for (const change of changes) tell(`    ${changeInWords(change)}`)
  return true
}
