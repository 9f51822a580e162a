import type { Catalogue, CatalogueModel } from '../catalogue/index.ts'
import { ChillError } from '../errors/index.ts'

/** Names told in an error; a catalogue may be long. */
const mostListed = 20

/** The model a request is for; throws `model_not_found` or `model_required`. */
export function chooseModel(
  catalogue: Catalogue,
  named: string | undefined,
  defaultModel: string | undefined,
): CatalogueModel {
  const name = named ?? defaultModel ?? onlyOne(catalogue)
  if (name === undefined) {
    throw new ChillError('model_required', `name a model; ${known(catalogue)}`, { param: 'model' })
  }
  const model = catalogue.find(name)
  if (!model) throw modelNotFound(catalogue, name)
  return model
}

export function modelNotFound(catalogue: Catalogue, name: string): ChillError {
  const told = JSON.stringify(name.slice(0, 200))
  return new ChillError('model_not_found', `no model ${told}; ${known(catalogue)}`, {
    param: 'model',
  })
}

function onlyOne(catalogue: Catalogue): string | undefined {
  if (catalogue.models.size !== 1) return undefined
  for (const name of catalogue.models.keys()) return name
  return undefined
}

function known(catalogue: Catalogue): string {
  const names = Array.from(catalogue.models.keys())
  if (names.length === 0) return 'none is known'
  const more = names.length > mostListed ? `, and ${names.length - mostListed} more` : ''
  return `known: ${names.slice(0, mostListed).join(', ')}${more}`
}
