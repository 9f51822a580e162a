import { constants } from 'node:fs'
import { access, mkdir } from 'node:fs/promises'
import {
  StartError,
  type Driver,
  type Endpoint,
  type EngineLoad,
  type Observed,
  type ReplicaLost,
  type Started,
  type StartOrder,
  type StartPhase,
} from '../../../machines/index.ts'
import { probeAgent, readEngineLoad, untilAborted } from '../engine/index.ts'
import { BackendLog } from './backend-log.ts'
import { BackendProcess, type LaunchSite } from './backend-process.ts'
import { whyNotExecutable } from './executable.ts'
import { freePort } from './free-port.ts'
import { lockStateDir } from './instance-lock.ts'
import {
  defaultProbeIntervalMs,
  defaultProbeTimeoutMs,
  type LaunchPlan,
  type ProcessBackend,
  type ProcessDriverOptions,
} from './options.ts'
import { untilReady } from './readiness.ts'
import { commandNotFound, describeExit } from './start-failure.ts'
import { sweep } from './sweep.ts'

export interface ProcessDriver extends Driver {
  readonly name: 'process'
  /** The last lines (at most 100) that the backend's present or last start wrote, oldest first. */
  log(backend: string): readonly string[]
}

/** One try, and one more with another port if somebody else was quicker at the first. */
const launchesPerStart = 2

/** Beyond the grace, for the end of a killed group to be seen when the driver closes, ms. */
const closingMarginMs = 2000

/**
 * Backends as process groups of this machine. Takes the state folder at once, and throws
 * StateDirInUseError where another living program has it.
 */
export function createProcessDriver(options: ProcessDriverOptions): ProcessDriver {
  const { stateDir, terminationGraceMs, log, choosePort = freePort } = options
  const environment = options.environment ?? process.env
  const lock = lockStateDir(stateDir)
  const agent = probeAgent()
  const closing = new AbortController()
  const launches = new Map<string, BackendProcess>()
  const logs = new Map<string, BackendLog>()
  const site: LaunchSite = {
    stateDir,
    terminationGraceMs,
    backendApiKey: options.backendApiKey,
    environment,
    log,
    closing: closing.signal,
  }
  let sweeping: Promise<void> | undefined
  let closed: Promise<void> | undefined

  /** Once, before anything else starts; tried again if it failed. */
  async function swept(): Promise<void> {
    sweeping ??= sweep({ stateDir, graceMs: terminationGraceMs, signal: closing.signal, log })
    try {
      await sweeping
    } catch (error) {
      sweeping = undefined
      throw error
    }
  }

  function prepare(order: StartOrder): { settings: ProcessBackend; plan: LaunchPlan } {
    const settings = settingsOf(options.backends, order.backend)
    const plan = options.modelOf(order.model.name)
    if (!settings) throw refused(`no backend is called "${order.backend}"`)
    if (!plan) throw refused(`the model "${order.model.name}" is no longer in the catalogue`)
    const gpus = order.devices?.length ? order.devices.join(',') : settings.gpus
    return { settings: { ...settings, gpus }, plan }
  }

  function logOf(backend: string): BackendLog {
    let kept = logs.get(backend)
    if (!kept) logs.set(backend, (kept = new BackendLog()))
    return kept
  }

  function launch(order: StartOrder, port: number, onLine: () => void): BackendProcess {
    const { backend, model } = order
    const before = launches.get(backend)
    if (before && !before.gone) throw refused(`the process group ${before.pid} is still there`)
    const started = new BackendProcess(
      {
        ...prepare(order),
        backend,
        model: model.name,
        port,
        onLine(line) {
          logOf(backend).write(line)
          options.onLogLine?.(backend, line)
          onLine()
        },
      },
      site,
    )
    launches.set(backend, started)
    return started
  }

  async function observe(backend: string): Promise<Observed> {
    await swept()
    const launched = launches.get(backend)
    if (!launched || launched.gone) return { found: 'nothing' }
    if (launched.ending || launched.exit) return { found: 'leaving' }
    const { model, plan, ready } = launched
    if (!ready) return { found: 'starting', model, revision: plan.revision }
    return { found: 'ready', model, revision: plan.revision, endpoints: [endpointOf(launched)] }
  }

  async function ensureResources(order: StartOrder, signal: AbortSignal): Promise<void> {
    const { settings, plan } = prepare(order)
    try {
      await mkdir(stateDir, { recursive: true, mode: 0o700 })
      await access(stateDir, constants.W_OK)
    } catch (error) {
      throw refused(`the state folder cannot be written: ${(error as Error).message}`)
    }
    await untilAborted(swept(), signal)
    const path = plan.env['PATH'] ?? settings.env?.['PATH'] ?? environment['PATH']
    const [program = ''] = plan.command ?? settings.command
    const why = await whyNotExecutable(program, path)
    if (why !== undefined) throw commandNotFound(program, why)
    // Nobody wants to read the end of the model before.
    if (launches.get(order.backend)?.gone) launches.delete(order.backend)
  }

  async function start(
    order: StartOrder,
    signal: AbortSignal,
    onPhase: (phase: StartPhase) => void,
  ): Promise<Started> {
    await untilAborted(swept(), signal)
    let isLoading = false
    const loading = () => {
      if (!isLoading && !signal.aborted) onPhase('loading')
      isLoading = true
    }
    for (let attempt = 1; ; attempt++) {
      const port = await choosePort()
      // Nothing may be launched behind the back of a `stop` that found nothing to end.
      signal.throwIfAborted()
      const launched = launch(order, port, loading)
      await launched.spawned
      signal.throwIfAborted()
      if (attempt === 1) onPhase('process')
      log.info(
        { backend: order.backend, model: order.model.name, pid: launched.pid, port },
        'started',
      )
      const readiness = await untilReady(launched, {
        agent,
        intervalMs: options.probeIntervalMs ?? defaultProbeIntervalMs,
        timeoutMs: options.probeTimeoutMs ?? defaultProbeTimeoutMs,
        signal,
        onNotYet: loading,
      })
      if (readiness.is === 'ready') {
        loading()
        launched.ready = true
        return { endpoints: [endpointOf(launched)], revision: launched.plan.revision }
      }
      const { failure } = readiness
      if (readiness.is === 'failed' || attempt === launchesPerStart) throw failure
      log.warn({ backend: order.backend, port }, `${failure.message}: trying another port`)
      await untilAborted(launched.end(), signal)
    }
  }

  function watch(backend: string, onLost: (lost: ReplicaLost) => void): () => void {
    const launched = launches.get(backend)
    let watching = true
    const lose = (message: string) => {
      if (watching) onLost({ message, replaced: false })
      watching = false
    }
    // Not before this returns: whoever is told may want to stop watching.
    if (launched) void launched.exited.then(() => lose(describeLoss(launched)))
    else queueMicrotask(() => lose('no process runs'))
    return () => {
      watching = false
    }
  }

  async function engineLoad(backend: string, signal: AbortSignal): Promise<EngineLoad | undefined> {
    const launched = launches.get(backend)
    if (!launched || launched.exit || launched.gone)
      throw new Error(`no process runs for backend "${backend}"`)
    return await readEngineLoad(agent, launched.url, launched.apiKey, signal)
  }

  async function stop(backend: string, signal: AbortSignal): Promise<void> {
    const launched = launches.get(backend)
    if (launched) await untilAborted(launched.end(), signal)
  }

  /** What does not end in time is left to its watchdog and its record. */
  async function endAtClose(backend: string): Promise<void> {
    try {
      await stop(backend, AbortSignal.timeout(terminationGraceMs + closingMarginMs))
    } catch (error) {
      log.error({ backend, err: error }, 'processes of this backend are still there')
    }
  }

  async function close(): Promise<void> {
    await Promise.all([...launches.keys()].map(endAtClose))
    closing.abort()
    for (const kept of logs.values()) kept.close()
    await agent.destroy()
    lock.release()
  }

  return {
    name: 'process',
    stopsWithProgram: true,
    observe,
    ensureResources,
    start,
    watch,
    engineLoad,
    stop,
    readLog: (backend, reading, signal) => logOf(backend).read(reading, signal),
    log: (backend) => launches.get(backend)?.output.lines ?? [],
    close: () => (closed ??= close()),
  }
}

function settingsOf(
  backends: ProcessDriverOptions['backends'],
  name: string,
): ProcessBackend | undefined {
  if (backends instanceof Map) return backends.get(name)
  return Object.entries(backends).find(([key]) => key === name)?.[1]
}

function endpointOf({ url, incarnation, plan }: BackendProcess): Endpoint {
  return { url, incarnation, maxInFlight: plan.maxInFlight }
}

function describeLoss({ exit, output }: BackendProcess): string {
  const ended = `the process ${describeExit(exit ?? { code: null, signal: null })}`
  const last = output.lines.at(-1)
  return last === undefined ? ended : `${ended}: ${last.trim()}`
}

function refused(message: string): StartError {
  return new StartError({ reason: 'resources', message })
}
