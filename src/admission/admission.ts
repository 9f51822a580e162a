import {
  fairPolicy,
  keepsOrder,
  type BackendDefinition,
  type BackendFact,
  type Driver,
  type LogReading,
  type Models,
  type PoolDefinition,
  type SwitchPolicy,
} from '../../machines/index.ts'
import type { Catalogue } from '../catalogue/index.ts'
import { ChillError } from '../errors/index.ts'
import { hasLoaded, mayTurn, type BackendActor } from './backends.ts'
import { systemClock, type Clock } from './clock.ts'
import { assertBackend, createCommands } from './commands.ts'
import { Gate } from './gate.ts'
import { createHolding } from './holding.ts'
import { createProgress } from './progress.ts'
import { chartsFailed, modelGone, modelLoading, noRoom, shuttingDown } from './refusals.ts'
import { createRequests } from './requests.ts'
import { createRouting } from './routing.ts'
import type { AdmissionSettings, Log } from './settings.ts'
import { isoTime, statusOf } from './status.ts'
import {
  supervise,
  type PhaseReached,
  type SupervisionOptions,
  type Transition,
} from './supervision.ts'
import { createWarmth, type WarmthSettings, type WarmWish } from './warmth.ts'
import type { Admission, AdmissionRequest, Lease } from './types.ts'

export interface AdmissionOptions {
  readonly driver: Driver
  readonly catalogue: Catalogue
  readonly backends: readonly BackendDefinition[]
  /** Every pool of GPUs that a backend names. */
  readonly pools?: readonly PoolDefinition[]
  readonly settings: AdmissionSettings
  readonly policy?: SwitchPolicy
  /** Nothing unless given. */
  readonly warmth?: WarmthSettings
  readonly clock?: Clock
  readonly log: Log
  readonly onFact?: (fact: BackendFact) => void
  readonly onTransition?: (transition: Transition) => void
  readonly onPhase?: (reached: PhaseReached) => void
  /** A request has its place at a backend; also when it comes back for another one. */
  readonly onAdmitted?: (lease: Lease) => void
  /** `count` wait for a model now, in all; one more or less does so at this backend. */
  readonly onWaiting?: (model: string, count: number, backend: string) => void
  /** Given the fleet's actor before it starts, to look into it and all that it spawns. */
  readonly onActor?: SupervisionOptions['onActor']
}

export type Fleet = ReturnType<typeof createAdmission>

/** The fleet with its gates: what the proxy asks for a lease, and what operators see and command. */
export function createAdmission(options: AdmissionOptions) {
  const { driver, catalogue, settings, log, backends: definitions, clock = systemClock } = options
  const startedAt = isoTime(clock.now())
  const { policy = fairPolicy } = options
  const isOrdered = keepsOrder(policy)
  const backends = new Map<string, BackendActor>()
  const gates: ReadonlyMap<string, Gate> = new Map(
    definitions.map(({ name }) => [
      name,
      new Gate({
        backend: name,
        clock,
        onDemand: (demand) => backends.get(name)?.send({ type: 'demand changed', demand }),
        onWaiting: (model) => options.onWaiting?.(model, waitingFor(model), name),
        onRoom: (model) => routing.spread(gates.get(name)!, model),
        maxInFlight: (model) => catalogue.models.get(model)?.maxInFlight,
        inOrder: () => isOrdered && mayTurn(backends.get(name)?.getSnapshot()),
      }),
    ]),
  )
  const waitingFor = (model: string) => {
    let count = 0
    for (const gate of gates.values()) count += gate.waitingFor(model)
    return count
  }
  const models = (): Models =>
    Object.fromEntries([...catalogue.models].map(([name, { facts }]) => [name, facts]))
  let leaving: 'no' | 'warm only' | 'all' = 'no'
  let hasFailed = false
  let endDelay = () => {}
  const pools = () =>
    Object.fromEntries(
      Object.entries(fleet.getSnapshot().context.sharing).map(([name, actor]) => [
        name,
        actor.getSnapshot().context,
      ]),
    )
  const routing = createRouting({
    definitions,
    gates,
    backends,
    pools,
    whenPinned: settings.whenPinned,
    clock,
    log,
  })
  const warmth = createWarmth({
    preload: [],
    returnTo: undefined,
    ...options.warmth,
    definitions,
    backends,
    catalogue,
    clock,
    log,
  })
  const { fleet, since } = supervise({
    driver,
    definitions,
    pools: options.pools ?? [],
    models: models(),
    policy,
    gates,
    backends,
    clock,
    log,
    onFact: (fact) => {
      routing.settle(fact)
      warmth.onFact(fact)
      guarded(() => options.onFact?.(fact))
    },
    onBackend: () => warmth.greet(),
    onTransition: (transition) => {
      warmth.onTransition(transition)
      if (transition.to === 'ready.quiet') routing.rebalance()
      guarded(() => options.onTransition?.(transition))
    },
    onPhase: (reached) => guarded(() => options.onPhase?.(reached)),
    onActor: options.onActor,
    onFailure: () => {
      hasFailed = true
      refuseWhoWaits(chartsFailed)
    },
  })
  const progress = createProgress(routing, since, clock)
  const startTimeoutMs = (model: string) => catalogue.models.get(model)?.facts.startTimeoutMs ?? 0
  const onAdmitted = options.onAdmitted ?? (() => {})
  const holding = createHolding({ gates, progress, settings, clock, startTimeoutMs, onAdmitted })

  const unsubscribe = catalogue.subscribe(() => {
    fleet.send({ type: 'catalogue changed', models: models() })
    for (const gate of gates.values()) {
      for (const { model } of gate.waiting()) {
        if (!catalogue.models.has(model)) gate.refuseAll(model, () => modelGone(model))
      }
    }
    for (const gate of gates.values()) gate.roomChanged()
    routing.rebalance()
  })

  /** Called from inside the charts' actors, where an error of somebody else would end the program. */
  function guarded(tell: () => void): void {
    try {
      tell()
    } catch (error) {
      log.error({ err: error }, 'a listener to the backends failed')
    }
  }

  function refuseWhoWaits(why: () => ChillError): void {
    for (const gate of gates.values()) {
      for (const { model } of gate.waiting()) gate.refuseAll(model, why)
    }
  }

  function tryAcquire(request: AdmissionRequest): Lease | undefined {
    if (leaving === 'all') throw shuttingDown()
    const lease = routing.openGate(request.model)?.tryAcquire(request)
    if (lease) onAdmitted(lease)
    return lease
  }

  // Async, so that every refusal is a rejection; what it does up to the wait is synchronous.
  async function acquire(request: AdmissionRequest, signal: AbortSignal): Promise<Lease> {
    signal.throwIfAborted()
    const lease = tryAcquire(request)
    if (lease) return lease
    if (leaving !== 'no') throw shuttingDown()
    if (hasFailed) throw chartsFailed()
    const { model } = request
    if (!catalogue.models.has(model)) throw modelGone(model)
    const gate = routing.gateFor(model)
    if (settings.hold) return holding.hold(request, gate, signal)
    if (gate.openModel === model) throw noRoom(model)
    holding.awaken(request, gate)
    const why = 'holding requests is turned off; it is being loaded'
    throw modelLoading(model, why, progress.secondsUntilReady(model))
  }

  /**
   * Refuses who waits, goes on admitting warm requests for `delayMs`, lets what is in flight run to its
   * end, brings down what ends with the program, and resolves when all of it is gone.
   */
  async function shutDown({ delayMs }: { delayMs: number }): Promise<void> {
    leaving = 'warm only'
    warmth.close()
    refuseWhoWaits(shuttingDown)
    if (delayMs > 0) {
      await new Promise<void>((resolve) => {
        const timer = clock.setTimeout(resolve, delayMs)
        endDelay = () => {
          clock.clearTimeout(timer)
          resolve()
        }
      })
    }
    leaving = 'all'
    if (driver.stopsWithProgram && !hasFailed) {
      // Draining is the charts' work, with its deadline and its word on who blocks.
      fleet.send({ type: 'shut down' })
      await Promise.all([...backends.values()].map((actor) => untilCold(actor)))
    } else {
      const never = new AbortController().signal
      await Promise.all([...gates.values()].map((gate) => gate.whenDrained(never)))
    }
    unsubscribe()
    fleet.stop()
    await driver.close()
  }

  const commands = createCommands(fleet, routing, definitions, catalogue, driver)

  return {
    now: () => clock.now(),
    tryAcquire,
    acquire,
    isLoaded: (model: string) =>
      [...backends.values()].some((actor) => hasLoaded(actor.getSnapshot(), model)),
    progress: (model: string) => progress.of(model),
    counts() {
      let leases = 0
      for (const gate of gates.values()) leases += gate.leaseCount
      return { leases, ...holding.counts() }
    },
    ...createRequests(gates, clock),
    ...commands,
    stop(command: Parameters<typeof commands.stop>[0]): void {
      warmth.onStop(commands.stop(command))
    },
    /** What is to be there also while nobody asks, from now on; see `WarmWish`. */
    keepWarm: (wishes: readonly WarmWish[]): void => warmth.keep(wishes),
    status: () =>
      definitions.map((definition) => {
        const { name } = definition
        const [gate, actor] = [gates.get(name)!, backends.get(name)]
        return statusOf(definition, gate, actor, since.get(name), clock, routing.gpuWaitIn(name))
      }),
    /** What a backend itself wrote. */
    log(backend: string, reading: LogReading, signal: AbortSignal): AsyncIterable<string> {
      assertBackend(backend, gates)
      if (driver.readLog) return driver.readLog(backend, reading, signal)
      throw new ChillError('bad_request', `what ${backend} writes cannot be read here`)
    },
    /** True when requests can be admitted: the fleet knows what is there, and the program is not leaving. */
    ready: () => leaving === 'no' && !hasFailed && fleet.getSnapshot().matches('supervising'),
    get shuttingDown() {
      return leaving !== 'no'
    },
    startedAt,
    shutDown,
    /** Ends what is in flight at once, and waits no longer for endpoints to move: a second signal. */
    hurry(): void {
      endDelay()
      for (const gate of gates.values()) gate.cut('vllm-chill was told twice to stop')
    },
  } satisfies Admission & Record<string, unknown>
}

async function untilCold(actor: BackendActor): Promise<void> {
  if (actor.getSnapshot().matches('cold')) return
  await new Promise<void>((resolve) => {
    const subscription = actor.subscribe({
      next: (snapshot) => {
        if (!snapshot.matches('cold')) return
        subscription.unsubscribe()
        resolve()
      },
      // Its driver ends what it leaves behind.
      error: () => resolve(),
    })
  })
}
