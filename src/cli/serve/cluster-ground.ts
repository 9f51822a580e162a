import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { BackendFact } from '../../../machines/index.ts'
import type { Fleet } from '../../admission/index.ts'
import type { Settings } from '../../config/index.ts'
import {
  connect,
  createApi,
  createKubernetesDriver,
  createModelStatus,
  openClusterCatalogue,
  placesOf,
  type Connection,
} from '../../drivers/kubernetes/index.ts'
import type { Log } from '../../telemetry/index.ts'
import { definitionsOf } from './backends.ts'
import type { Ground } from './ground.ts'
import { modelReports } from './model-reports.ts'

/** A follower must hear of a use in the time that the status allows it to be late. */
const reportEveryMs = 30_000

/** Models as VLLMModels, backends as Deployments of a cluster. */
export async function openClusterGround(settings: Settings, log: Log): Promise<Ground> {
  const connection = connect(settings)
  const namespace = namespaceOf(settings, connection)
  const driverLog = log.child({ room: 'driver' })
  const api = createApi(connection, { namespace, log: driverLog })
  log.info({ server: api.server, namespace }, `using ${namespace} at ${api.server}`)
  const catalogue = await openClusterCatalogue({
    api,
    defaults: settings,
    log: log.child({ room: 'catalogue' }),
  })
  const driver = createKubernetesDriver({
    api,
    places: placesOf(settings, namespace, `${namespace}/${settings.leaseName}`),
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
  const status = createModelStatus({
    api,
    live: catalogue.live,
    leads: () => driver.leads,
    log: driverLog,
  })
  let fleet: Fleet | undefined
  const history = { lastUsed: new Map<string, Date>(), lastLoadMs: new Map<string, number>() }
  const report = () => {
    if (fleet) status.report(modelReports(fleet.status(), catalogue, history))
  }
  const stopListening = catalogue.subscribe(report)
  const timer = setInterval(report, reportEveryMs).unref()

  function tellEvent(fact: BackendFact): void {
    const sourceOf = (model: string) => catalogue.models.get(model)?.source
    if (fact.type === 'ready') {
      history.lastLoadMs.set(fact.model, fact.loadMs)
      const source = sourceOf(fact.model)
      const seconds = Math.round(fact.loadMs / 1_000)
      if (source)
        status.event(source, 'Normal', 'Loaded', `ready on ${fact.backend} after ${seconds} s`)
    } else if (fact.type === 'start failed') {
      const source = sourceOf(fact.failure.model)
      if (source) status.event(source, 'Warning', 'Failed', fact.failure.message)
    }
  }

  return {
    catalogue,
    driver,
    backends: definitionsOf(settings, catalogue),
    attach(attached) {
      fleet = attached
      report()
    },
    onRequest(model) {
      history.lastUsed.set(model, new Date())
    },
    onFact(fact) {
      tellEvent(fact)
      report()
    },
    onTransition({ from, to, model, backend }) {
      const source = model === undefined ? undefined : catalogue.models.get(model)?.source
      const isUnloaded = /unloading|scalingDown/.test(to) && /^ready|draining|rechecking/.test(from)
      if (isUnloaded && source)
        status.event(source, 'Normal', 'Unloaded', `${backend} gives its GPU back`)
      report()
    },
    async close() {
      stopListening()
      clearInterval(timer)
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
