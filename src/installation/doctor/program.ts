import type { V1Deployment, V1PolicyRule } from '@kubernetes/client-node'
import type { Api } from '../../drivers/kubernetes/index.ts'
import { isOurs } from '../ownership.ts'
import { permissionsFor, type Uses } from '../permissions.ts'
import type { InstallationPlan } from '../plan.ts'
import { note, ok, wrong, type Check } from './check.ts'
import { look } from './looking.ts'

/** The program itself, where it is installed in the cluster. */
export async function programCheck(api: Api, plan: InstallationPlan): Promise<Check> {
  const what = `Program ${plan.name}`
  const answer = await look(what, 'get deployments', () => api.get('Deployment', plan.name))
  if ('problem' in answer) return answer.problem
  const { seen } = answer
  if (seen === undefined) return note(what, 'is not installed here', 'run `vllm-chill install`')
  if (!isOurs(plan, seen)) {
    const todo = 'install under another name with --lease-name, or remove what is in the way'
    return wrong(what, `is another Deployment of this name`, todo)
  }
  const { available, wanted } = replicasOf(seen)
  const image = seen.spec?.template.spec?.containers[0]?.image
  if (available > 0) return ok(what, `runs ${image}, ${available} of ${wanted} available`)
  if (wanted === 0) return wrong(what, 'is scaled to 0', 'scale it to 1')
  return wrong(
    what,
    `is not available: ${reasonOf(seen)}`,
    `look at \`kubectl -n ${plan.namespace} describe deployment,pod\` and its log`,
  )
}

function replicasOf({ spec, status }: V1Deployment) {
  return { available: status?.availableReplicas ?? 0, wanted: spec?.replicas ?? 1 }
}

function reasonOf({ status }: V1Deployment): string {
  const bad = status?.conditions?.find(
    ({ type, status }) =>
      (type === 'ReplicaFailure' && status === 'True') ||
      (type !== 'ReplicaFailure' && status === 'False'),
  )
  return bad?.message ?? 'nothing is known yet'
}

/**
 * Whether the program's own Role has every right; those of `essentialChecks` are of whoever asks, who may
 * be an administrator.
 */
export async function roleCheck(
  api: Api,
  plan: InstallationPlan,
  uses: Uses,
): Promise<Check | undefined> {
  const what = `Role ${plan.name}`
  const answer = await look(what, 'get roles', () => api.get('Role', plan.name))
  if ('problem' in answer) return answer.problem
  // Where nothing is installed, that has been said.
  if (answer.seen === undefined) return undefined
  const missing = missingIn(answer.seen.rules ?? [], uses)
  if (missing.length === 0) return ok(what, 'has every right that is used')
  return wrong(what, `lacks ${missing.join('; ')}`, 'run `vllm-chill install`')
}

function missingIn(rules: readonly V1PolicyRule[], uses: Uses): readonly string[] {
  const has = (words: readonly string[] | undefined, word: string) =>
    words?.some((one) => one === word || one === '*') === true
  const missing = new Map<string, string[]>()
  for (const { group, resource, verbs } of permissionsFor(uses)) {
    const lacking = verbs.filter(
      (verb) =>
        !rules.some(
          (rule) =>
            has(rule.apiGroups, group) && has(rule.resources, resource) && has(rule.verbs, verb),
        ),
    )
    if (lacking.length > 0) missing.set(resource, [...(missing.get(resource) ?? []), ...lacking])
  }
  return [...missing].map(([resource, verbs]) => `${verbs.join(', ')} on ${resource}`)
}

/** Who leads at present. */
export async function leaseCheck(api: Api, plan: InstallationPlan): Promise<Check | undefined> {
  const what = `Lease ${plan.name}`
  const answer = await look(what, 'get leases', () => api.get('Lease', plan.name))
  if ('problem' in answer) return answer.problem
  const holder = answer.seen?.spec?.holderIdentity
  return holder ? ok(what, `is held by ${holder}`) : undefined
}
