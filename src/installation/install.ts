import { setTimeout } from 'node:timers/promises'
import { crdName } from '../catalogue/index.ts'
import type { Api } from '../drivers/kubernetes/index.ts'
import { changeInWords, changesOf } from './difference.ts'
import { InstallationFailed } from './failure.ts'
import { inWords } from './in-words.ts'
import { installationManifests } from './manifests/index.ts'
import { isOurs, isShared, kindOf, titleOf } from './ownership.ts'
import type { InstallationPlan, Manifest } from './plan.ts'
import { untilAvailable } from './rollout.ts'
import { minorOf } from './server-version.ts'

export interface InstallOptions {
  readonly api: Api
  readonly plan: InstallationPlan
  /** The server checks everything, nothing is changed, and what would be is told. */
  readonly dryRun?: boolean
  /** Takes fields that other field managers have. */
  readonly force?: boolean
  /** Until the program answers, ms. */
  readonly timeoutMs: number
  /** A line about what was just done. */
  readonly tell: (line: string) => void
  readonly signal?: AbortSignal
}

/** Between two looks at something that takes a while, ms. */
const pauseMs = 500

/**
 * Applies an installation, each object after what it needs, and waits until the program answers.
 * @throws InstallationFailed with what is in the way
 */
export async function install(options: InstallOptions): Promise<void> {
  const { api, dryRun = false, tell } = options
  const version = await inWords(() => api.serverVersion(callOf(options)))
  const plan = { ...options.plan, serverMinor: minorOf(version) }
  tell(`Kubernetes ${version} at ${api.server}`)
  const wanted = installationManifests(plan)
  const live = await readAll(options, wanted)
  refuseForeign(plan, wanted, live)
  // In a namespace that is not there, the server cannot even try.
  const hasNamespace =
    live.get(`Namespace ${plan.namespace}`) !== undefined || !plan.createNamespace
  for (const manifest of wanted) {
    const before = live.get(titleOf(manifest))
    if (manifest.kind === 'Namespace' && before !== undefined) {
      tell(`${titleOf(manifest)} is there`)
    } else if (dryRun && !hasNamespace && manifest.metadata.namespace !== undefined) {
      tell(`${titleOf(manifest)} would be created; not tried, as its namespace is not there yet`)
    } else {
      await applyOne(options, manifest, before)
    }
    if (manifest.kind === 'CustomResourceDefinition' && !dryRun) await untilEstablished(options)
  }
  if (!dryRun) await untilAvailable({ ...options, plan, pauseMs })
}

const callOf = ({ signal }: { readonly signal?: AbortSignal }) => (signal ? { signal } : {})

async function readAll(
  options: InstallOptions,
  wanted: readonly Manifest[],
): Promise<Map<string, object | undefined>> {
  const found = await Promise.all(
    wanted.map(async (manifest) => {
      const { name } = manifest.metadata
      const read = () => options.api.get(kindOf(manifest), name ?? '', callOf(options))
      return [titleOf(manifest), await inWords(read)] as const
    }),
  )
  return new Map(found)
}

/** Before anything is changed: half an installation helps nobody. */
function refuseForeign(
  plan: InstallationPlan,
  wanted: readonly Manifest[],
  live: ReadonlyMap<string, object | undefined>,
): void {
  const foreign = wanted.filter((manifest) => {
    const there = live.get(titleOf(manifest))
    return there !== undefined && !isShared(manifest) && !isOurs(plan, there)
  })
  if (foreign.length === 0) return
  const names = foreign.map(titleOf).join(', ')
  throw new InstallationFailed(
    `${names}: not made by this installation, and left alone; remove what is in the way, or install under another name with --lease-name`,
  )
}

async function applyOne(
  { api, dryRun = false, force = false, tell, signal }: InstallOptions,
  manifest: Manifest,
  before: object | undefined,
): Promise<void> {
  const title = titleOf(manifest)
  const call = { dryRun, force, ...(signal && { signal }) }
  const after = await inWords(() => api.apply(manifest, call))
  if (before === undefined) {
    tell(`${title} ${dryRun ? 'would be created' : 'created'}`)
    return
  }
  const changes = changesOf(before, after)
  if (changes.length === 0) tell(`${title} is as it should be`)
  else tell(`${title} ${dryRun ? 'would be changed' : 'changed'}`)
  for (const change of changes) tell(`  ${changeInWords(change)}`)
}

/** Until then the server does not know the kind. */
async function untilEstablished({ api, signal }: InstallOptions): Promise<void> {
  for (;;) {
    const crd = await inWords(() =>
      api.get('CustomResourceDefinition', crdName, signal ? { signal } : {}),
    )
    const conditions = crd?.status?.conditions ?? []
    if (conditions.some(({ type, status }) => type === 'Established' && status === 'True')) return
    const refused = conditions.find(
      ({ type, status }) => type === 'NamesAccepted' && status === 'False',
    )
    if (refused) throw new InstallationFailed(`CustomResourceDefinition: ${refused.message}`)
    await setTimeout(pauseMs, undefined, { ...(signal && { signal }) })
  }
}
