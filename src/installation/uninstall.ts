import { setTimeout } from 'node:timers/promises'
import { crdName } from '../catalogue/index.ts'
import type { Kind } from '../drivers/kubernetes/index.ts'
import type { Cluster } from './cluster.ts'
import { InstallationFailed } from './failure.ts'
import { inWords } from './in-words.ts'
import { installationManifests } from './manifests/index.ts'
import { isOurs, isShared, kindOf } from './ownership.ts'
import type { InstallationPlan } from './plan.ts'

export interface UninstallOptions {
  readonly cluster: Cluster
  /** The CRD too, and with it every VLLMModel of the cluster. */
  readonly crd?: boolean
  /** Models may go with the CRD. */
  readonly yes?: boolean
  readonly dryRun?: boolean
  /** Until everything is gone, ms. */
  readonly timeoutMs: number
  readonly tell: (line: string) => void
  readonly signal?: AbortSignal
}

interface Target {
  readonly kind: Kind
  readonly name: string
}

const pauseMs = 500
/** They go after what belongs to them: pods that end their streams, models. */
const slow: ReadonlySet<Kind> = new Set(['Deployment', 'CustomResourceDefinition'])

/**
 * Removes what is of this installation: first the program, so that it makes nothing anew, then what it
 * made, then the rest. Secrets, volumes, the namespace and what others made stay.
 * @throws InstallationFailed with what is in the way
 */
export async function uninstall(options: UninstallOptions): Promise<void> {
  const { cluster, crd = false, tell } = options
  const { plan } = cluster
  const doomed = crd ? await modelsToLose(options) : []
  const program: Target = { kind: 'Deployment', name: plan.name }
  let removed = await removeIfOurs(options, program)
  for (const target of [...(await madeByTheProgram(options)), ...installed(plan)]) {
    if (await removeIfOurs(options, target)) removed = true
  }
  // A Lease carries no annotation; its name is the installation's.
  if (await remove(options, { kind: 'Lease', name: plan.name })) removed = true
  if (crd) {
    for (const model of doomed) tell(`VLLMModel ${model} goes with the definition`)
    if (await remove(options, { kind: 'CustomResourceDefinition', name: crdName })) removed = true
  }
  if (!removed) {
    tell(`Nothing of installation ${plan.name} is in namespace ${cluster.api.namespace}`)
  } else if (!crd) {
    tell('The CustomResourceDefinition and the VLLMModels stay; --crd removes them too')
  }
}

async function modelsToLose({
  cluster,
  yes,
  dryRun,
}: UninstallOptions): Promise<readonly string[]> {
  const models = await cluster.modelsEverywhere()
  if (models.length === 0 || yes === true || dryRun === true) return models
  throw new InstallationFailed(
    `--crd deletes these VLLMModels too: ${models.join(', ')}; say --yes if that is meant`,
  )
}

/** Everything that an installation can have, whatever was asked for at the time; the program is gone. */
function installed(plan: InstallationPlan): readonly Target[] {
  const ingress = { host: 'any', className: undefined, tlsSecret: undefined }
  const all = installationManifests({
    ...plan,
    networkPolicy: true,
    podDisruptionBudget: true,
    serviceMonitor: true,
    ingress,
    configuration: { any: true },
  })
  return all
    .filter((manifest) => !isShared(manifest) && manifest.kind !== 'Deployment')
    .toReversed()
    .map((manifest) => ({ kind: kindOf(manifest), name: manifest.metadata.name ?? '' }))
}

/** What the program made for its backends. */
async function madeByTheProgram({ cluster, signal }: UninstallOptions): Promise<Target[]> {
  const labelSelector =
    'app.kubernetes.io/managed-by=vllm-chill,app.kubernetes.io/component=inference'
  const targets: Target[] = []
  for (const kind of ['Deployment', 'Service', 'ConfigMap'] as const) {
    const objects = await inWords(() =>
      cluster.api.list(kind, { labelSelector, ...(signal && { signal }) }),
    )
    for (const object of objects.filter((object) => isOurs(cluster.plan, object)))
      targets.push({ kind, name: object.metadata?.name ?? '' })
  }
  return targets
}

async function removeIfOurs(options: UninstallOptions, target: Target): Promise<boolean> {
  const { cluster, tell, signal } = options
  const { kind, name } = target
  const live = await inWords(() => cluster.api.get(kind, name, signal ? { signal } : {}))
  if (live === undefined) return false
  if (isOurs(cluster.plan, live)) return await remove(options, target)
  tell(`${kind} ${name} stays: it was not made by this installation`)
  return false
}

async function remove(options: UninstallOptions, target: Target): Promise<boolean> {
  const { cluster, dryRun = false, tell, signal } = options
  const { kind, name } = target
  const call = signal ? { signal } : {}
  if (dryRun) {
    const isThere = (await inWords(() => cluster.api.get(kind, name, call))) !== undefined
    if (isThere) tell(`${kind} ${name} would be removed`)
    return isThere
  }
  const propagation = kind === 'Deployment' ? 'Foreground' : 'Background'
  const wasThere = await inWords(() => cluster.api.remove(kind, name, { propagation, ...call }))
  if (!wasThere) return false
  if (slow.has(kind)) await untilGone(options, target)
  tell(`${kind} ${name} removed`)
  return true
}

async function untilGone(options: UninstallOptions, { kind, name }: Target): Promise<void> {
  const { cluster, timeoutMs, signal } = options
  const call = signal ? { signal } : {}
  const deadline = performance.now() + timeoutMs
  while ((await inWords(() => cluster.api.get(kind, name, call))) !== undefined) {
    if (performance.now() > deadline) {
      throw new InstallationFailed(
        `${kind} ${name}: what belongs to it has not ended after ${Math.round(timeoutMs / 1000)} s; pods may still answer somebody. Run it again later`,
      )
    }
    await setTimeout(pauseMs, undefined, call)
  }
}
