import { crdName } from '../../catalogue/index.ts'
import { ApiFault, type Api } from '../../drivers/kubernetes/index.ts'
import { permissionsFor, type Permission, type Uses } from '../permissions.ts'
import { ok, unknown, wrong, type Check } from './check.ts'

interface Call {
  readonly signal?: AbortSignal
}

/**
 * What the program cannot do without: an API server that answers, VLLMModels that it knows, and every
 * right of the Role. Asked with the rights of whoever asks, so the program asks for itself.
 */
export async function essentialChecks(api: Api, uses: Uses, call: Call = {}): Promise<Check[]> {
  const models = await modelsCheck(api, call)
  if (models.length === 1 && models[0]?.what === 'API server') return models
  return [...models, ...(await rightsChecks(api, uses, call))]
}

/** Whether the API server answers, and whether it knows VLLMModels: also where CRDs cannot be read. */
async function modelsCheck(api: Api, call: Call): Promise<Check[]> {
  const reached = ok('API server', 'answers')
  const what = `CustomResourceDefinition ${crdName}`
  try {
    await api.list('VLLMModel', { limit: 1, ...call })
    return [reached, ok(what, 'is installed')]
  } catch (error) {
    if (!(error instanceof ApiFault)) throw error
    if (error.code === 404) return [reached, wrong(what, 'is not installed', installIt)]
    if (error.code === 403) {
      return [reached, unknown(what, 'cannot be looked at for lack of rights')]
    }
    return [wrong('API server', error.message, todoAbout(error))]
  }
}

const installIt = 'run `vllm-chill install`, or apply what `vllm-chill manifests` prints'

function todoAbout({ code }: ApiFault): string {
  if (code === 0) return 'check address, network and certificate of the cluster in the kubeconfig'
  if (code === 401) return 'renew the credentials of the kubeconfig, or of the service account'
  return 'try again, and look at the API server if it stays so'
}

/** One line for each resource, with the verbs that are missing. */
async function rightsChecks(api: Api, uses: Uses, call: Call): Promise<Check[]> {
  const needed = new Map<string, { permission: Permission; verbs: string[] }>()
  for (const permission of permissionsFor(uses)) {
    const known = needed.get(permission.resource)
    if (known) known.verbs.push(...permission.verbs)
    else needed.set(permission.resource, { permission, verbs: [...permission.verbs] })
  }
  return await Promise.all(
    [...needed.values()].map(({ permission, verbs }) => rightsCheck(api, permission, verbs, call)),
  )
}

async function rightsCheck(
  api: Api,
  { group, resource, why, onlyWith }: Permission,
  verbs: readonly string[],
  call: Call,
): Promise<Check> {
  const what = `Right to ${resource}`
  const [plural = '', subresource] = resource.split('/')
  try {
    const answers = await Promise.all(
      verbs.map((verb) => api.review(verb, group, plural, subresource, call)),
    )
    const missing = verbs.filter((_, at) => answers[at]?.allowed !== true)
    if (missing.length === 0) return ok(what, verbs.join(', '))
    return wrong(
      what,
      `${missing.join(', ')} not allowed in namespace ${api.namespace}`,
      `it is needed to ${why}; apply Role and RoleBinding of \`vllm-chill manifests${onlyWith === 'portForward' ? ' --port-forward' : ''}\``,
    )
  } catch (error) {
    if (!(error instanceof ApiFault)) throw error
    return unknown(what, `cannot be asked about: ${error.message}`)
  }
}
