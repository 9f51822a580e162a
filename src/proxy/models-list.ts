import type { Catalogue, CatalogueModel } from '../catalogue/index.ts'
import { modelNotFound } from './choose-model.ts'

/** One entry of `/v1/models`, with the fields that vLLM has beside OpenAI's. */
interface ListedModel {
  readonly id: string
  readonly object: 'model'
  /** Unix time, seconds. */
  readonly created: number
  readonly owned_by: 'vllm-chill'
  /** Served name; differs from `id` where that is an alias. */
  readonly root: string
  readonly parent: null
  readonly max_model_len: number | undefined
}

/**
 * The catalogue as clients see it. Aliases are entries of their own: clients that let people pick
 * from the list, or check a name against it, know nothing of aliases.
 */
export function listModels(catalogue: Catalogue): { object: 'list'; data: ListedModel[] } {
  const data: ListedModel[] = []
  for (const model of catalogue.models.values()) {
    data.push(listed(model, model.name))
    for (const alias of model.aliases) {
      // Two models may claim one alias; only one of them answers to it.
      if (catalogue.find(alias) === model) data.push(listed(model, alias))
    }
  }
  return { object: 'list', data }
}

/** Throws `model_not_found`. */
export function oneModel(catalogue: Catalogue, id: string): ListedModel {
  const model = catalogue.find(id)
  if (!model) throw modelNotFound(catalogue, id)
  return listed(model, id)
}

function listed(model: CatalogueModel, id: string): ListedModel {
  return {
    id,
    object: 'model',
    created: model.createdAt,
    owned_by: 'vllm-chill',
    root: model.name,
    parent: null,
    max_model_len: model.manifest.spec.maxModelLen,
  }
}
