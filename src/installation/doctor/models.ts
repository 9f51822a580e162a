import { checkManifest, type VllmModel } from '../../catalogue/index.ts'
import type { Api } from '../../drivers/kubernetes/index.ts'
import { note, ok, wrong, type Check } from './check.ts'
import { look } from './looking.ts'

export interface KnownModels {
  readonly models: readonly VllmModel[]
  readonly checks: readonly Check[]
}

/** The VLLMModels of the namespace, and what is wrong with some. */
export async function knownModels(api: Api): Promise<KnownModels> {
  const what = `VLLMModels in ${api.namespace}`
  const answer = await look(what, 'list vllmmodels', () => api.list('VLLMModel'))
  if ('problem' in answer) return { models: [], checks: [answer.problem] }
  const results = answer.seen.map((object) =>
    checkManifest(object, `VLLMModel ${object.metadata.name}`),
  )
  const models = results.flatMap(({ models }) => models.map(({ model }) => model))
  const broken = results.flatMap(({ problems }) =>
    problems.map(({ source, message }) => wrong(source, message, 'mend it; it is not served')),
  )
  const names = models.map(({ spec }) => spec.servedModelName)
  const known =
    names.length === 0
      ? note(what, 'there are none', 'apply some, such as those of examples/demo/models')
      : ok(what, names.join(', '))
  return { models, checks: [known, ...broken] }
}
