import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
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
import { createModelReporter } from './model-reporter.ts'

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
  const reporter = createModelReporter(catalogue, status)
  return {
    catalogue,
    driver,
    backends: definitionsOf(settings, catalogue),
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
