import { toNodeHandler } from 'h3'
import { switchPolicies } from '../../../machines/index.ts'
import { createAdmission, systemClock, type Fleet } from '../../admission/index.ts'
import type { Catalogue } from '../../catalogue/index.ts'
import type { Settings } from '../../config/index.ts'
import { createEventHub, createHistory } from '../../events/index.ts'
import type { Inspector } from '../../inspector/index.ts'
import { createMetrics } from '../../metrics/index.ts'
import {
  createOperationsApp,
  mountOperations,
  type OperationsOptions,
} from '../../operations/index.ts'
import { mountPage } from '../../page/index.ts'
import { createProxy, type Proxy } from '../../proxy/index.ts'
import type { Log } from '../../telemetry/index.ts'
import { followSchedule } from '../../schedule/index.ts'
import { version } from '../version.ts'
import { poolsOf } from './backends.ts'
import { gpuCounts } from './gpu-counts.ts'
import { openLocalGround, type Ground } from './ground.ts'
import { warmthOf, windowsOf } from './warmth.ts'
import { listenOn, type Listening } from './listening.ts'
import { logAnswer, warnOfAnswers } from './answer-line.ts'
import { openTracing, type Environment } from './open-tracing.ts'
import { logRequest } from './request-line.ts'

/** Between two comments on one waiting stream, also where the first comes at once. */
const leastProgressMs = 1_000

/** A running program, without its command line and signals. */
export interface Instance {
  readonly url: string
  readonly operationsUrl: string
  readonly models: readonly string[]
  readonly backends: readonly string[]
  /** Drains and ends everything; resolves when the last answer is out and the last process gone. */
  shutDown(): Promise<void>
  /** Cuts what is in flight, so that a shutdown that waits goes on at once. */
  hurry(): void
}

/** Everything of a running program but its listeners. */
interface Program {
  readonly fleet: Fleet
  readonly proxy: Proxy
  readonly operations: OperationsOptions
  readonly inspector: Inspector | undefined
  /**
   * Drains and ends everything.
   *
   * @param closeListeners called when no answer is on its way any more
   */
  shutDown(this: void, delayMs: number, closeListeners?: () => Promise<unknown>): Promise<void>
}

/** Opens what the settings name, puts the rooms together, and listens. */
export async function startInstance(
  settings: Settings,
  log: Log,
  env: Environment = {},
): Promise<Instance> {
  const ground = await openGround(settings, log)
  return await listen(await assemble(ground, settings, log, env), ground, settings)
}

/** Puts the rooms together as the settings say. */
export async function assemble(
  ground: Ground,
  settings: Settings,
  log: Log,
  env: Environment = {},
): Promise<Program> {
  const { catalogue, driver } = ground
  warnOfUnknown(settings, catalogue, log)
  if (settings.logOutput) warnOfAnswers(log)
  const metrics = createMetrics({
    catalogue,
    gpusOf: gpuCounts(settings, catalogue),
    version,
    driver: settings.driver,
  })
  const events = createEventHub({ version, clock: systemClock })
  const history = createHistory(systemClock)
  const tracing = await openTracing(env, log)
  const inspector = await openInspector(settings, log)
  const fleet = createAdmission({
    driver,
    catalogue,
    backends: ground.backends,
    pools: poolsOf(settings),
    settings,
    policy: switchPolicies[settings.switchPolicy],
    warmth: warmthOf(settings),
    log,
    onFact: (fact) => {
      metrics.onFact(fact)
      events.onFact(fact)
      tracing?.onFact(fact)
      ground.onFact?.(fact)
    },
    onTransition: (transition) => {
      metrics.onTransition(transition)
      events.onTransition(transition)
      history.onTransition(transition)
      tracing?.onTransition(transition)
      ground.onTransition?.(transition)
    },
    onPhase: (reached) => {
      metrics.onPhase(reached)
      events.onPhase(reached)
      tracing?.onPhase(reached)
    },
    onAdmitted: (lease) => events.onAdmitted(lease),
    onWaiting: (model, count, backend) => {
      history.onWaiting(model, count)
      events.onWaiting(backend)
    },
    onActor: inspector?.attach,
  })
  const schedule = followSchedule(windowsOf(settings), (wishes) => fleet.keepWarm(wishes))
  metrics.attach(fleet)
  events.attach(fleet, catalogue)
  history.attach(fleet)
  ground.attach?.(fleet)
  const proxy = createProxy({
    admission: fleet,
    catalogue,
    settings: {
      ...settings,
      bodyLimit: settings.bodyLimitBytes,
      progressEveryMs: Math.max(settings.progressAfterMs, leastProgressMs),
    },
    log,
    ready: () => fleet.ready(),
    onRequest: (record) => {
      metrics.onRequest(record)
      events.onRequest(record)
      logRequest(log, record)
    },
    ...(settings.logOutput && { onAnswer: (answer) => logAnswer(log, answer) }),
    tracer: tracing?.tracer,
  })

  const { enableMetrics, operationsToken: token } = settings
  const told = { metrics, events, history }
  const operations = { fleet, catalogue, version, token, log, ...told, enableMetrics }
  if (settings.operationsPort === undefined) {
    mountPage(proxy.app)
    mountOperations(proxy.app, operations)
    inspector?.mount(proxy.app)
  }
  return {
    fleet,
    proxy,
    operations,
    inspector,
    async shutDown(delayMs, closeListeners) {
      schedule.close()
      await fleet.shutDown({ delayMs })
      events.close()
      inspector?.close()
      await closeListeners?.()
      await proxy.close()
      await ground.close()
      metrics.close()
      await tracing?.close()
    },
  }
}

async function listen(
  { fleet, proxy, operations, inspector, shutDown }: Program,
  { catalogue }: Ground,
  settings: Settings,
): Promise<Instance> {
  const listenings: Listening[] = []
  const closeAll = () => Promise.all(listenings.map((each) => each.close()))
  try {
    const { host, port, operationsPort } = settings
    listenings.push(await listenOn(toNodeHandler(proxy.app), { host, port, setting: 'port' }))
    const [{ server }] = listenings as [Listening]
    // Some clients offer h2c with any request; without this Node takes that for an upgrade.
    Object.assign(server, { shouldUpgradeCallback: proxy.shouldUpgrade })
    server.on('upgrade', (req, socket, head) => {
      if (operationsPort === undefined && inspector?.takes(req))
        inspector.handleUpgrade(req, socket, head)
      else proxy.handleUpgrade(req, socket, head)
    })
    if (operationsPort !== undefined) {
      const app = createOperationsApp(operations)
      mountPage(app)
      inspector?.mount(app)
      const place = { host, port: operationsPort, setting: 'operationsPort' } as const
      const listening = await listenOn(toNodeHandler(app), place)
      listenings.push(listening)
      if (inspector) inspector.listen(listening.server)
    }
  } catch (error) {
    await shutDown(0, closeAll)
    throw error
  }

  return {
    url: listenings[0]!.url,
    operationsUrl: listenings.at(-1)!.url,
    models: [...catalogue.models.keys()],
    backends: settings.backends.map(({ name }) => name),
    shutDown: () => shutDown(settings.shutdownDelayMs, closeAll),
    hurry: () => fleet.hurry(),
  }
}

/** The cluster's client is only read where there is a cluster. */
async function openGround(settings: Settings, log: Log): Promise<Ground> {
  if (settings.driver === 'process') return await openLocalGround(settings, log)
  const { openClusterGround } = await import('./cluster-ground.ts')
  return await openClusterGround(settings, log)
}

/** Not even read unless it is asked for. */
async function openInspector(settings: Settings, log: Log): Promise<Inspector | undefined> {
  if (!settings.inspect) return undefined
  const { createInspector } = await import('../../inspector/index.ts')
  return createInspector({ token: settings.operationsToken, log })
}

function warnOfUnknown(settings: Settings, catalogue: Catalogue, log: Log): void {
  const { backends, preload, pinned, defaultModel } = settings
  const served = backends.flatMap(({ models }) => models ?? [])
  const kept = windowsOf(settings).map(({ model }) => model)
  const named = [...kept, ...preload, ...pinned, defaultModel ?? []]
  const unknown = [
    ...served.filter((name) => !catalogue.models.has(name)),
    ...named.flat().filter((name) => !catalogue.find(name)),
  ]
  for (const name of new Set(unknown)) {
    log.warn({ model: name }, `model ${name} is configured, but no manifest names it yet`)
  }
}
