import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import type { Catalogue } from '../../catalogue/index.ts'
import { ConfigError, type Settings } from '../../config/index.ts'
import {
  ApiFault,
  connect,
  createApi,
  createKubernetesDriver,
  createModelStatus,
  openClusterCatalogue,
  openExistingCatalogue,
  placesOf,
  type Api,
  type BackendPlace,
  type ClusterCatalogue,
  type Connection,
} from '../../drivers/kubernetes/index.ts'
import {
  dryRunServe,
  essentialChecks,
  refusalOf,
  usesOf,
  type Check,
} from '../../installation/index.ts'
import type { Log } from '../../telemetry/index.ts'
import { definitionsOf } from './backends.ts'
import type { Ground } from './ground.ts'
import { createModelReporter } from './model-reporter.ts'

const looksAtMost = 3
const lookAgainMs = 1_000

interface Reached {
  readonly api: Api
  readonly connection: Connection
  /** With `live` where there are VLLMModels. */
  readonly catalogue: Catalogue | ClusterCatalogue
  readonly places: Readonly<Record<string, BackendPlace>>
}

/** @throws ConfigError in the words of `doctor` where something essential is missing */
async function reach(settings: Settings, log: Log): Promise<Reached> {
  const connection = connect(settings)
  const namespace = namespaceOf(settings, connection)
  const api = createApi(connection, { namespace, log: log.child({ room: 'driver' }) })
  log.info({ server: api.server, namespace }, `using ${namespace} at ${api.server}`)
  const places = placesOf(settings, namespace, `${namespace}/${settings.leaseName}`)
  const catalogueLog = log.child({ room: 'catalogue' })
  const uses = usesOf(settings, connection)
  const checks = await untilSettled(() => essentialChecks(api, uses))
  const { defaultModel, enableModelSwitch } = settings
  // Who only has an existing Deployment scaled needs no VLLMModels.
  if (!enableModelSwitch && (await lacksModels(api))) {
    const others = checks.filter(({ what }) => !/vllmmodels/i.test(what))
    refuseFor(others)
    const options = { api, places, defaults: settings, defaultModel, log: catalogueLog }
    const catalogue = await openExistingCatalogue(options)
    return { api, connection, catalogue, places }
  }
  refuseFor(checks)
  const catalogue = await openClusterCatalogue({ api, defaults: settings, log: catalogueLog })
  return { api, connection, catalogue, places }
}

/** Rights and definitions that were just made take a moment to be known everywhere in a cluster. */
async function untilSettled(look: () => Promise<Check[]>): Promise<Check[]> {
  for (let times = 1; ; times++) {
    const checks = await look()
    if (times === looksAtMost || refusalOf(checks) === undefined) return checks
    await delay(lookAgainMs)
  }
}

function refuseFor(checks: readonly Check[]): void {
  const refusal = refusalOf(checks)
  if (refusal !== undefined) throw new ConfigError([refusal])
}

async function lacksModels(api: Api): Promise<boolean> {
  try {
    await api.list('VLLMModel', { limit: 1 })
    return false
  } catch (error) {
    return error instanceof ApiFault && error.code === 404
  }
}

/** What `serve` would change, told line by line; false where something of it would be refused. */
export async function tellWhatWouldChange(
  settings: Settings,
  log: Log,
  tell: (line: string) => void,
): Promise<boolean> {
  const { api, catalogue, places } = await reach(settings, log)
  try {
    const { defaultModel, enableModelSwitch: manages } = settings
    for (const { source, message } of catalogue.problems) tell(`${source}: ${message}`)
    return await dryRunServe({ api, places, models: catalogue.models, defaultModel, manages, tell })
  } finally {
    await catalogue.close()
  }
}

/** Models as VLLMModels, backends as Deployments of a cluster. */
export async function openClusterGround(settings: Settings, log: Log): Promise<Ground> {
  const { api, connection, catalogue, places } = await reach(settings, log)
  const driverLog = log.child({ room: 'driver' })
  const driver = createKubernetesDriver({
    api,
    places,
    catalogue,
    defaultModel: settings.defaultModel,
    manages: settings.enableModelSwitch,
    lease: { name: settings.leaseName, identity: identityOf(connection) },
    endpointMode: settings.endpointMode,
    inCluster: connection.inCluster,
    unschedulableGraceMs: settings.unschedulableGraceMs,
    probeIntervalMs: settings.probeIntervalMs,
    backendApiKey: settings.backendApiKey,
    cutAfterMs: settings.drainDeadlineAction === 'cut' ? settings.drainDeadlineMs : undefined,
    log: driverLog,
  })
  const ground = { catalogue, driver, backends: definitionsOf(settings, catalogue) }
  if (!('live' in catalogue)) return { ...ground, close: () => catalogue.close() }
  const status = createModelStatus({
    api,
    live: catalogue.live,
    leads: () => driver.leads,
    log: driverLog,
  })
  const reporter = createModelReporter(catalogue, status)
  return {
    ...ground,
    attach: (fleet) => reporter.attach(fleet),
    onFact: (fact) => reporter.onFact(fact),
    onTransition: (transition) => reporter.onTransition(transition),
    async close() {
      reporter.close()
      await status.close()
      await catalogue.close()
    },
  }
}

/** Told by nobody, it is the one that this program runs in, or the one of the context. */
function namespaceOf({ namespace, sources }: Settings, connection: Connection): string {
  return sources.namespace === 'default' ? (connection.namespace ?? namespace) : namespace
}

/** A container that restarts in its pod is the same program, and the dead one cannot be alive. */
function identityOf({ inCluster }: Connection): string {
  const host = hostname()
  return inCluster ? host : `${host}-${process.pid}-${randomBytes(3).toString('hex')}`
}
