import {
  chooseBackend,
  patientPolicy,
  type BackendDefinition,
  type BackendFact,
  type Driver,
  type Models,
  type SwitchPolicy,
} from '../../machines/index.ts'
import type { Catalogue } from '../catalogue/index.ts'
import { ChillError } from '../errors/index.ts'
import { heading, stateName, viewOf } from './backends.ts'
import { systemClock, type Clock } from './clock.ts'
import { Gate } from './gate.ts'
import {
  backendHeld,
  modelFailed,
  modelGone,
  modelLoading,
  noBackendMayServe,
  queueFull,
  retryAfterS,
  shuttingDown,
} from './refusals.ts'
import type { AdmissionSettings, Log } from './settings.ts'
import { isoTime, statusOf } from './status.ts'
import { supervise, type Transition } from './supervision.ts'
import type { Admission, AdmissionRequest, Lease, WaitProgress } from './types.ts'
import type { Waiter } from './waiting-line.ts'

export interface AdmissionOptions {
  readonly driver: Driver
  readonly catalogue: Catalogue
  readonly backends: readonly BackendDefinition[]
  readonly settings: AdmissionSettings
  readonly policy?: SwitchPolicy
  readonly clock?: Clock
  readonly log: Log
  onFact?(fact: BackendFact): void
  onTransition?(transition: Transition): void
}

export type Fleet = ReturnType<typeof createAdmission>

/** A waiter in some gate, with what ends its wait. */
interface Held extends Waiter {
  gate: Gate
}

/**
 * Admission for all backends: finds the gate of a request, bounds who waits, and moves or refuses them
 * when a fact of a backend changes where they can be served.
 */
export function createAdmission(options: AdmissionOptions) {
  const { driver, catalogue, settings, log, clock = systemClock } = options
  const startedAt = clock.now()
  const gates = new Map<string, Gate>()
  /** Requests that wait, in all gates; phantoms of `hold: false` are not counted. */
  let held = 0
  let heldBytes = 0
  let leaving: 'no' | 'warm only' | 'all' = 'no'

  for (const { name } of options.backends) {
    gates.set(
      name,
      new Gate(name, clock, (demand) =>
        supervision?.backends.get(name)?.send({ type: 'demand changed', demand }),
      ),
    )
  }
  // Declared before it is filled: gates may be asked before the fleet has looked around.
  let supervision: ReturnType<typeof supervise> | undefined
  supervision = supervise({
    driver,
    backends: options.backends,
    models: models(),
    policy: options.policy ?? patientPolicy,
    gates,
    clock,
    log,
    onFact: (fact) => {
      settle(fact)
      options.onFact?.(fact)
    },
    onTransition: (transition) => options.onTransition?.(transition),
  })
  const { fleet, backends } = supervision

  const unsubscribe = catalogue.subscribe(() => {
    fleet.send({ type: 'catalogue changed', models: models() })
    for (const gate of gates.values()) {
      for (const { model } of gate.waiting()) {
        if (!catalogue.models.has(model)) gate.refuseAll(model, () => modelGone(model))
      }
    }
    rebalance()
  })

  function models(): Models {
    return Object.fromEntries([...catalogue.models].map(([name, { facts }]) => [name, facts]))
  }

  function views() {
    return options.backends.map((definition) =>
      viewOf(definition, gates.get(definition.name)!, backends.get(definition.name)),
    )
  }

  /** The gate a model's requests wait at, or the refusal. */
  function gateFor(model: string): Gate {
    const { chosen, because } = chooseBackend(model, views())
    if (chosen) return gates.get(chosen.name)!
    if (because === 'held') throw backendHeld(model)
    if (because === 'nobody may') throw noBackendMayServe(model)
    throw lastFailure(model)
  }

  function lastFailure(model: string): ChillError {
    const failures = [...backends.values()]
      .map((actor) => actor.getSnapshot().context.failures[model])
      .filter((failure) => failure !== undefined)
      .sort((a, b) => a.retryAt - b.retryAt)
    return failures[0] ? modelFailed(failures[0], clock.now()) : noBackendMayServe(model)
  }

  /** A fact that changes where somebody can be served. */
  function settle(fact: BackendFact): void {
    const gate = gates.get(fact.backend)!
    if (fact.type === 'start failed') moveOrRefuse(gate, fact.failure.model)
    else if (fact.type === 'held') {
      for (const { model } of gate.waiting()) moveOrRefuse(gate, model)
    } else if (fact.type === 'ready' || fact.type === 'cold') rebalance()
    else if (fact.type === 'drain overdue') {
      const who = gate.leases.map(({ request: { id, path } }) => ({ id, path }))
      log.warn(
        { backend: fact.backend, model: fact.model, blocking: who, cut: fact.cut },
        `${fact.backend}: the drain deadline is over, ${who.length} request(s) still run`,
      )
      if (fact.cut) gate.cut('the drain deadline is over')
    } else if (fact.type === 'unload overdue') {
      log.error(
        { ...fact },
        `${fact.backend}: ${fact.model} does not give its GPU back; still trying`,
      )
    }
  }

  function moveOrRefuse(gate: Gate, model: string): void {
    const waiters = gate.takeAll(model) as Held[]
    for (const waiter of waiters) {
      try {
        waiter.gate = gateFor(model)
        waiter.gate.enqueue(waiter)
      } catch (error) {
        waiter.refuse(error as ChillError)
      }
    }
  }

  /** Who queues at a backend that does not turn to its model moves to one that has it, or is free. */
  function rebalance(): void {
    if (gates.size < 2) return
    for (const gate of gates.values()) {
      const snapshot = backends.get(gate.backend)?.getSnapshot()
      for (const { model } of gate.waiting()) {
        if (snapshot && heading(snapshot) === model) continue
        const { chosen, because } = chooseBackend(model, views())
        if (!chosen || because === 'would switch' || chosen.name === gate.backend) continue
        moveOrRefuse(gate, model)
      }
    }
  }

  function usualMs(model: string): number | undefined {
    const costs = [...backends.values()]
      .map((actor) => actor.getSnapshot().context.costs[model])
      .filter((cost) => cost !== undefined)
    return costs.length > 0 ? Math.max(...costs) : undefined
  }

  function progress(model: string): WaitProgress {
    const now = clock.now()
    const gate = [...gates.values()].find((each) => each.waitingFor(model) > 0)
    const actor = gate && backends.get(gate.backend)
    if (!gate || !actor) {
      return { state: 'cold', elapsedMs: 0, usualMs: usualMs(model), ahead: 0 }
    }
    const snapshot = actor.getSnapshot()
    const loading = snapshot.context.model?.name === model && snapshot.context.startedAt > 0
    return {
      state: stateName(snapshot.value),
      elapsedMs: loading
        ? now - snapshot.context.startedAt
        : now - (supervision?.since.get(gate.backend) ?? now),
      usualMs: usualMs(model),
      ahead: Math.max(0, gate.waitingFor(model) - 1),
    }
  }

  function secondsUntilReady(model: string): number {
    const { elapsedMs, usualMs, state } = progress(model)
    const loading = state === 'scalingUp' || state === 'creatingResources'
    return retryAfterS(usualMs, loading ? elapsedMs : 0)
  }

  function waitDeadlineMs(model: string): number {
    if (settings.waitDeadlineMs !== undefined) return settings.waitDeadlineMs
    const start = catalogue.models.get(model)?.facts.startTimeoutMs ?? 0
    return start + settings.drainDeadlineMs + settings.maxWaitMs
  }

  function assertRoom({ model, bytes }: AdmissionRequest): void {
    let ofModel = 0
    for (const gate of gates.values()) ofModel += gate.waitingFor(model)
    const { maxHeldPerModel, maxHeld, maxHeldBytes } = settings
    const full =
      ofModel >= maxHeldPerModel
        ? `${ofModel} requests for model ${model} (maxHeldPerModel)`
        : held >= maxHeld
          ? `${held} requests (maxHeld)`
          : heldBytes + bytes > maxHeldBytes
            ? `${heldBytes} bytes of requests (maxHeldBytes)`
            : undefined
    if (full !== undefined) throw queueFull(full, secondsUntilReady(model))
  }

  function tryAcquire(request: AdmissionRequest): Lease | undefined {
    if (leaving === 'all') throw shuttingDown()
    let best: Gate | undefined
    for (const gate of gates.values()) {
      if (gate.openModel !== request.model) continue
      if (!best || gate.load < best.load) best = gate
    }
    return best?.tryAcquire(request)
  }

  function acquire(request: AdmissionRequest, signal: AbortSignal): Promise<Lease> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      const lease = tryAcquire(request)
      if (lease) return resolve(lease)
      if (leaving !== 'no') throw shuttingDown()
      if (!catalogue.models.has(request.model)) throw modelGone(request.model)
      const gate = gateFor(request.model)
      if (!settings.hold) {
        awaken(request, gate)
        throw modelLoading(
          request.model,
          'holding requests is turned off; it is being loaded',
          secondsUntilReady(request.model),
        )
      }
      assertRoom(request)
      hold(request, gate, signal, resolve, reject)
    })
  }

  /** Puts a request into the gate; whatever ends the wait ends it once, and clears the rest. */
  function hold(
    request: AdmissionRequest,
    gate: Gate,
    signal: AbortSignal,
    resolve: (lease: Lease) => void,
    reject: (reason: unknown) => void,
  ): void {
    held++
    heldBytes += request.bytes
    const dispose = () => {
      held--
      heldBytes -= request.bytes
      clock.clearTimeout(timer)
      signal.removeEventListener('abort', leave)
    }
    const waiter: Held = {
      request,
      gate,
      grant: (lease) => {
        dispose()
        resolve(lease)
      },
      refuse: (error) => {
        dispose()
        reject(error)
      },
    }
    const leave = () => {
      if (!waiter.gate.leave(waiter)) return
      dispose()
      reject(signal.reason as Error)
    }
    const deadlineMs = waitDeadlineMs(request.model)
    const timer = clock.setTimeout(
      () => {
        const { state } = progress(request.model)
        if (!waiter.gate.leave(waiter)) return
        const why = `the wait deadline of ${Math.round(deadlineMs / 1_000)} s is over (backend: ${state})`
        waiter.refuse(modelLoading(request.model, why, secondsUntilReady(request.model)))
      },
      Math.max(0, request.arrivedAt + deadlineMs - clock.now()),
    )
    signal.addEventListener('abort', leave, { once: true })
    gate.enqueue(waiter)
  }

  /** With holding off nobody waits, so one stand-in per model asks for the load, until it is there. */
  function awaken(request: AdmissionRequest, gate: Gate): void {
    if (gate.waitingFor(request.model) > 0) return
    const waiter: Held = {
      request: { ...request, bytes: 0, arrivedAt: clock.now() },
      gate,
      grant: (lease) => lease.release(),
      refuse: () => {},
    }
    gate.enqueue(waiter)
  }

  function counts() {
    let leases = 0
    for (const gate of gates.values()) leases += gate.leaseCount
    return { leases, waiting: held, waitingBytes: heldBytes }
  }

  function known(model: string): string {
    const found = catalogue.find(model)
    if (found) return found.name
    throw new ChillError(
      'model_not_found',
      `no model is named ${model}; known: ${[...catalogue.models.keys()].join(', ') || '(none)'}`,
    )
  }

  function backendNamed(name: string): string {
    if (gates.has(name)) return name
    throw new ChillError(
      'bad_request',
      `no backend is named ${name}; there are: ${[...gates.keys()].join(', ')}`,
    )
  }

  /** Operators may wake what is failing or held: that is what clears it. */
  function backendForWish(model: string): string {
    const eager = views().map((view) => ({ ...view, held: false, failing: () => false }))
    const { chosen } = chooseBackend(model, eager)
    if (!chosen) throw noBackendMayServe(model)
    return chosen.name
  }

  const commands = {
    start(command: { backend?: string; model?: string }): void {
      const model = command.model === undefined ? undefined : known(command.model)
      const backend =
        command.backend !== undefined
          ? backendNamed(command.backend)
          : model !== undefined
            ? backendForWish(model)
            : undefined
      const definition = options.backends.find(({ name }) => name === backend)
      if (model !== undefined && definition?.models && !definition.models.includes(model)) {
        throw new ChillError('bad_request', `backend ${backend} may not serve model ${model}`)
      }
      for (const name of backend === undefined ? gates.keys() : [backend]) {
        fleet.send({
          type: 'operator starts',
          backend: name,
          ...(model !== undefined && { model }),
        })
      }
    },
    stop(command: { backend?: string; model?: string; hold?: boolean }): void {
      const hold = command.hold ?? false
      if (command.backend !== undefined || command.model === undefined) {
        fleet.send({
          type: 'operator stops',
          hold,
          ...(command.backend !== undefined && { backend: backendNamed(command.backend) }),
        })
        return
      }
      const model = known(command.model)
      for (const [name, actor] of backends) {
        if (actor.getSnapshot().context.model?.name === model) {
          fleet.send({ type: 'operator stops', backend: name, hold })
        }
      }
    },
    switchTo(model: string): void {
      commands.start({ model })
    },
  }

  async function shutDown({ delayMs }: { delayMs: number }): Promise<void> {
    leaving = 'warm only'
    for (const gate of gates.values()) {
      for (const { model } of gate.waiting()) gate.refuseAll(model, shuttingDown)
    }
    if (delayMs > 0) await new Promise<void>((resolve) => clock.setTimeout(resolve, delayMs))
    leaving = 'all'
    const never = new AbortController().signal
    if (driver.stopsWithProgram) {
      fleet.send({ type: 'shut down' })
      // Draining is the charts' work, with its deadline and its word on who blocks.
      await Promise.all([...backends.values()].map((actor) => untilCold(actor)))
    } else {
      await Promise.all([...gates.values()].map((gate) => gate.whenDrained(never)))
    }
    unsubscribe()
    fleet.stop()
    await driver.close()
  }

  return {
    now: () => clock.now(),
    tryAcquire,
    acquire,
    progress,
    counts,
    ...commands,
    status: () =>
      options.backends.map((definition) =>
        statusOf(
          definition,
          gates.get(definition.name)!,
          backends.get(definition.name),
          supervision?.since.get(definition.name),
          clock,
        ),
      ),
    /** True when requests can be admitted: the fleet knows what is there, and the program is not leaving. */
    ready: () => leaving === 'no' && fleet.getSnapshot().matches('supervising'),
    get shuttingDown() {
      return leaving !== 'no'
    },
    startedAt: isoTime(startedAt),
    /**
     * Refuses who waits, goes on admitting warm requests for `delayMs`, lets what is in flight run to its
     * end, brings down what ends with the program, and resolves when all of it is gone.
     */
    shutDown,
    /** Ends what is in flight at once: a second signal. */
    hurry(): void {
      for (const gate of gates.values()) gate.cut('vllm-chill was told twice to stop')
    },
  } satisfies Admission & Record<string, unknown>
}

async function untilCold(actor: import('./backends.ts').BackendActor): Promise<void> {
  if (actor.getSnapshot().matches('cold')) return
  await new Promise<void>((resolve) => {
    const subscription = actor.subscribe((snapshot) => {
      if (!snapshot.matches('cold')) return
      subscription.unsubscribe()
      resolve()
    })
  })
}
