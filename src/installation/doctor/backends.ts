import type { VllmModel } from '../../catalogue/index.ts'
import {
  cannotExpress,
  isOurs,
  validatePod,
  type Api,
  type BackendPlace,
} from '../../drivers/kubernetes/index.ts'
import { note, ok, wrong, type Check } from './check.ts'
import { look } from './looking.ts'

/** A backend, and the models that it may serve. */
export interface Examined {
  readonly place: BackendPlace
  readonly models: readonly VllmModel[]
  /** With model switching: what is missing is made. */
  readonly manages: boolean
}

/** What a backend is made of: ours, somebody else's and usable, or missing. */
export async function backendChecks(api: Api, examined: Examined): Promise<readonly Check[]> {
  const { place } = examined
  return [
    ...(await deploymentChecks(api, examined)),
    await partCheck(api, examined, 'ConfigMap', place.configMap),
    await partCheck(api, examined, 'Service', place.service),
    ...podChecks(examined),
  ]
}

async function deploymentChecks(
  api: Api,
  { place, models, manages }: Examined,
): Promise<readonly Check[]> {
  const what = `Deployment ${place.deployment}`
  const answer = await look(what, 'get deployments', () => api.get('Deployment', place.deployment))
  if ('problem' in answer) return [answer.problem]
  const { seen } = answer
  if (seen === undefined) {
    return [
      manages
        ? ok(what, 'is not there yet; the program makes it')
        : wrong(what, 'is not there', 'create it, or let --enable-model-switch make it'),
    ]
  }
  if (isOurs(seen, place.installation)) return [ok(what, 'is there, and of this installation')]
  if (!manages) return [ok(what, 'is there, and only scaled')]
  const reasons = models.flatMap((model) => {
    const why = cannotExpress(seen, place, model)
    return why === undefined ? [] : [{ model: model.spec.servedModelName, why }]
  })
  if (reasons.length === 0) return [ok(what, 'was not made by us, and is used as it is')]
  const todo = `change the model, or delete ${what} while it is at rest, and the program makes its own`
  return reasons.map(({ model, why }) => wrong(`Model ${model} on ${place.backend}`, why, todo))
}

async function partCheck(
  api: Api,
  { place, manages }: Examined,
  kind: 'ConfigMap' | 'Service',
  name: string,
): Promise<Check> {
  const what = `${kind} ${name}`
  const right = kind === 'Service' ? 'get services' : 'get configmaps'
  const answer = await look(what, right, () => api.get(kind, name))
  if ('problem' in answer) return answer.problem
  if (answer.seen === undefined) {
    if (manages) return ok(what, 'is not there yet; the program makes it')
    return note(what, 'is not there; without model switching nobody makes it')
  }
  if (isOurs(answer.seen, place.installation)) return ok(what, 'is there, and of this installation')
  if (kind === 'ConfigMap' && manages)
    return ok(what, 'was not made by us; the keys of the model are written into it')
  return ok(what, 'was not made by us, and is used as it is')
}

/** What the server, or every node, would refuse. */
function podChecks({ place, models, manages }: Examined): readonly Check[] {
  if (!manages) return []
  return models.flatMap((model) =>
    validatePod(place, model).map(({ path, message }) =>
      wrong(
        `Model ${model.spec.servedModelName} on ${place.backend}`,
        `${path}: ${message}`,
        'change the setting or the VLLMModel',
      ),
    ),
  )
}
