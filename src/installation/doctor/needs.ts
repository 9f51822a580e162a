import type { V1Node, V1PodSpec } from '@kubernetes/client-node'
import type { VllmModel } from '../../catalogue/index.ts'
import {
  containerName,
  desiredObjects,
  quantityOf,
  type Api,
} from '../../drivers/kubernetes/index.ts'
import type { Examined } from './backends.ts'
import { note, ok, wrong, type Check } from './check.ts'
import { look } from './looking.ts'

/** Secrets and volumes that the pods of backends refer to. */
export async function referenceChecks(
  api: Api,
  examined: readonly Examined[],
): Promise<readonly Check[]> {
  const secrets = new Map<string, { keys: Set<string>; optional: boolean }>()
  const claims = new Set<string>()
  const need = (name: string, key: string | undefined, optional: boolean) => {
    const known = secrets.get(name) ?? { keys: new Set(), optional: true }
    if (key !== undefined) known.keys.add(key)
    secrets.set(name, { keys: known.keys, optional: known.optional && optional })
  }
  for (const { place } of examined) {
    const { hfTokenSecret, apiKeySecret, pod } = place
    need(hfTokenSecret.name, hfTokenSecret.key, true)
    if (apiKeySecret) need(apiKeySecret.name, apiKeySecret.key, false)
    for (const name of pod.imagePullSecrets ?? []) need(name, undefined, false)
    for (const volume of [pod.modelCache, pod.compileCache])
      if (volume?.pvc !== undefined) claims.add(volume.pvc)
  }
  return await Promise.all([
    ...[...secrets].map(([name, { keys, optional }]) =>
      secretCheck(api, name, [...keys], optional),
    ),
    ...[...claims].map((name) => claimCheck(api, name)),
  ])
}

async function secretCheck(
  api: Api,
  name: string,
  keys: readonly string[],
  optional: boolean,
): Promise<Check> {
  const what = `Secret ${name}`
  const answer = await look(what, 'get secrets', () => api.get('Secret', name))
  if ('problem' in answer) return answer.problem
  const [key = 'KEY'] = keys
  const todo = `kubectl create secret generic ${name} -n ${api.namespace} --from-literal=${key}=…`
  if (answer.seen === undefined) {
    return optional
      ? note(what, 'is not there; only private and gated weights need it', todo)
      : wrong(what, 'is not there', todo)
  }
  const missing = keys.filter((key) => answer.seen?.data?.[key] === undefined)
  if (missing.length === 0) return ok(what, 'is there')
  const found = `has no key ${missing.join(', ')}`
  return optional ? note(what, found, todo) : wrong(what, found, todo)
}

async function claimCheck(api: Api, name: string): Promise<Check> {
  const what = `PersistentVolumeClaim ${name}`
  const answer = await look(what, 'get persistentvolumeclaims', () =>
    api.get('PersistentVolumeClaim', name),
  )
  if ('problem' in answer) return answer.problem
  if (answer.seen === undefined)
    return wrong(what, 'is not there', 'create it, or name another one in `pod`')
  const { phase = 'Pending' } = answer.seen.status ?? {}
  if (phase === 'Bound') return ok(what, 'is bound')
  if (phase === 'Lost') return wrong(what, 'has lost its volume', 'restore it, or make a new one')
  return note(what, `is ${phase}`, 'fine if its class binds at the first pod')
}

/** What pods ask for against what the nodes have: a request that no node can satisfy is named. */
export async function nodeChecks(
  api: Api,
  examined: readonly Examined[],
): Promise<readonly Check[]> {
  const what = 'GPUs'
  const managed = examined.filter(({ manages }) => manages)
  if (managed.length === 0) return []
  const answer = await look(what, 'list nodes', () => api.list('Node'))
  if ('problem' in answer) return [answer.problem]
  const nodes = answer.seen
  const resources = [...new Set(managed.map(({ place }) => place.gpuResource))]
  const totals = resources.map((resource) => gpuCheck(nodes, resource))
  const fits = managed.flatMap((each) =>
    each.models.flatMap((model) => fitChecks(nodes, each, model)),
  )
  return [...totals, ...fits]
}

function gpuCheck(nodes: readonly V1Node[], resource: string): Check {
  const counts = nodes.map((node) => amountOn(node, resource)).filter((count) => count > 0)
  const what = `Nodes with ${resource}`
  if (counts.length > 0) return ok(what, `${counts.length}, with ${counts.join(' + ')}`)
  return note(
    what,
    'there are none at present',
    'fine if an autoscaler adds one; else look at the device plugin',
  )
}

function fitChecks(
  nodes: readonly V1Node[],
  { place }: Examined,
  model: VllmModel,
): readonly Check[] {
  const spec = desiredObjects(place, model, '').deployment.spec?.template.spec
  if (spec === undefined) return []
  const title = `Model ${model.spec.servedModelName} on ${place.backend}`
  const chosen = nodes.filter((node) => isChosen(node, spec))
  if (nodes.length > 0 && chosen.length === 0) {
    const found = `wants a node with ${inWords(spec.nodeSelector ?? {})}, and there is none`
    return [wrong(title, found, 'label a node so, or change `nodeSelector`')]
  }
  return Object.entries(requestsOf(spec)).flatMap(([resource, wanted]) => {
    const most = Math.max(0, ...chosen.map((node) => amountOn(node, resource)))
    const amount = quantityOf(wanted) ?? 0
    // That there is none at all has been said, and may be a pool at rest.
    if (amount <= most || most === 0) return []
    return [
      wrong(
        title,
        `wants ${wanted} ${resource}, and no node has more than ${shown(most)}`,
        'ask for less, or add a node that has it',
      ),
    ]
  })
}

/** Of the container that runs vLLM; what is limited and not requested is requested too. */
function requestsOf(spec: V1PodSpec): Record<string, string> {
  const container = spec.containers.find(({ name }) => name === containerName)
  return { ...container?.resources?.limits, ...container?.resources?.requests }
}

function isChosen({ metadata }: V1Node, { nodeSelector = {} }: V1PodSpec): boolean {
  return Object.entries(nodeSelector).every(([key, value]) => metadata?.labels?.[key] === value)
}

function amountOn({ status }: V1Node, resource: string): number {
  return quantityOf(status?.allocatable?.[resource] ?? 0) ?? 0
}

function inWords(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ')
}

const gibibyte = 1024 ** 3

function shown(amount: number): string {
  return amount >= gibibyte ? `${Math.floor(amount / gibibyte)}Gi` : String(amount)
}
