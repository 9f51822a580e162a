import type { VllmModel } from '../../catalogue/index.ts'
import { placesOf, type Api, type ApiOptions } from '../../drivers/kubernetes/index.ts'
import { reachCluster } from '../cluster.ts'
import { configFile } from '../manifests/configuration.ts'
import { isOurs } from '../ownership.ts'
import { installationOf, type InstallationPlan } from '../plan.ts'
import { usesOf, type Uses } from '../permissions.ts'
import { planInstalled, planPlace, type PlanningOptions } from '../planning.ts'
import { backendChecks, type Examined } from './backends.ts'
import type { Check } from './check.ts'
import { essentialChecks } from './essential.ts'
import { look } from './looking.ts'
import { knownModels } from './models.ts'
import { nodeChecks, referenceChecks } from './needs.ts'
import { leaseCheck, programCheck, roleCheck } from './program.ts'
import { crdCheck, namespaceCheck, serverCheck } from './server.ts'

export { checkInWords, refusalOf, type Check, type Verdict } from './check.ts'
export { essentialChecks } from './essential.ts'

/**
 * Looks at the cluster that the options name. The settings are those of the program that is installed
 * there, where there is one; flags and a file given go before them.
 */
export async function diagnose(
  options: PlanningOptions,
  log: ApiOptions['log'],
): Promise<readonly Check[]> {
  const { api, plan, inCluster } = reachCluster(planPlace(options), log)
  // How an installed program reaches its pods says nothing of one that would run here.
  const { portForward } = usesOf(plan.settings, { inCluster })
  return await examine(api, await asInstalled(api, plan, options), { portForward })
}

async function asInstalled(
  api: Api,
  plan: InstallationPlan,
  options: PlanningOptions,
): Promise<InstallationPlan> {
  if (plan.settings.configFile !== undefined) return plan
  const answer = await look('ConfigMap', 'get configmaps', () => api.get('ConfigMap', plan.name))
  if ('problem' in answer || answer.seen === undefined || !isOurs(plan, answer.seen)) return plan
  const text = answer.seen.data?.[configFile]
  return text === undefined ? plan : { ...planInstalled(options, text), namespace: plan.namespace }
}

/** Everything that can be looked at, in the order in which it would have to be put right. */
export async function examine(
  api: Api,
  plan: InstallationPlan,
  here: Pick<Uses, 'portForward'> = {},
): Promise<readonly Check[]> {
  const uses = { enableModelSwitch: plan.settings.enableModelSwitch }
  const essential = await essentialChecks(api, { ...uses, ...here })
  // One line says why nothing else can be looked at.
  if (essential.length === 1) return essential
  const [answers, definition, ...rights] = essential
  const better = await crdCheck(api)
  const { models, checks: modelChecks } = await knownModels(api)
  const backends = examinedBackends(plan, models)
  const all = [
    answers,
    await serverCheck(api),
    await namespaceCheck(api),
    ...(better === undefined || better.verdict === 'unknown' ? [definition] : [better]),
    ...rights,
    await programCheck(api, plan),
    await roleCheck(api, plan, uses),
    await leaseCheck(api, plan),
    // Without the definition, that nothing is known of models has been said.
    ...(definition?.verdict === 'wrong' ? [] : modelChecks),
    ...(await Promise.all(backends.map((each) => backendChecks(api, each)))).flat(),
    ...(await referenceChecks(api, backends)),
    ...(await nodeChecks(api, backends)),
  ]
  return all.filter((check) => check !== undefined)
}

function examinedBackends(plan: InstallationPlan, models: readonly VllmModel[]): Examined[] {
  const { settings, namespace } = plan
  const places = placesOf(settings, namespace, installationOf(plan))
  return settings.backends.flatMap(({ name, models: wanted }) => {
    const place = places[name]
    if (place === undefined) return []
    const served = models.filter(({ spec }) => wanted?.includes(spec.servedModelName) ?? true)
    return [{ place, models: served, manages: settings.enableModelSwitch }]
  })
}
