import {
  defaultBackendSettings,
  type BackendDefinition,
  type BackendSettings,
  type PoolDefinition,
  type StartOrder,
  type SwitchPolicy,
} from '../../../machines/index.ts'
import { createAdmission, type Lease, type Transition } from '../../../src/admission/index.ts'
import { SimulatedCatalogue } from '../admission/simulated-catalogue.ts'
import { SimulatedClock } from '../admission/simulated-clock.ts'
import { SimulatedWorld } from '../admission/simulated-world.ts'

export interface Durations {
  readonly loadMs: number
  readonly unloadMs: number
  /** Longest request. */
  readonly requestMs: number
}

/** What became of a request; `waitedMs` up to its lease or refusal. */
export interface Served {
  readonly model: string
  readonly arrivedAt: number
  waitedMs: number | undefined
  outcome: 'waiting' | 'leased' | 'done' | 'refused'
  error?: unknown
}

/** The world by itself: what is begun ends after its time. */
class AutomaticWorld extends SimulatedWorld {
  readonly #clock: SimulatedClock
  readonly #durations: Durations
  readonly #broken: ReadonlySet<string>

  constructor(clock: SimulatedClock, durations: Durations, broken: ReadonlySet<string>) {
    super()
    this.#clock = clock
    this.#durations = durations
    this.#broken = broken
  }

  override start(order: StartOrder, signal: AbortSignal) {
    const starting = super.start(order, signal)
    const { loadMs } = this.#durations
    this.#clock.setTimeout(() => {
      // A start that was given up answers nobody; its place may be another one's by now.
      if (signal.aborted) return
      if (this.#broken.has(order.model.name)) this.failStart(order.backend)
      else this.finishStart(order.backend)
    }, loadMs)
    return starting
  }

  override stop(backend: string, signal: AbortSignal) {
    const stopping = super.stop(backend, signal)
    this.#clock.setTimeout(() => this.finishStop(backend), this.#durations.unloadMs)
    return stopping
  }
}

export interface RunOptions {
  readonly models: readonly string[]
  readonly durations: Durations
  readonly settings?: Partial<BackendSettings>
  readonly policy?: SwitchPolicy
  readonly maxInFlight?: number
  readonly maxHeldPerModel?: number
  readonly broken?: readonly string[]
  readonly priorities?: Readonly<Record<string, number>>
  /** One named `gpu` that may serve all, unless given. */
  readonly backends?: readonly (Omit<BackendDefinition, 'settings'> & {
    readonly settings?: Partial<BackendSettings>
  })[]
  readonly pools?: readonly PoolDefinition[]
  readonly whenPinned?: 'refuse' | 'wait'
}

/** The real admission and the real charts on one GPU, in a world that runs by itself. */
export class AutomaticRun {
  readonly clock = new SimulatedClock()
  readonly world: AutomaticWorld
  readonly served: Served[] = []
  readonly transitions: (Transition & { readonly at: number })[] = []
  /** Such as `a for b`. */
  readonly preempted: string[] = []
  readonly admission
  readonly durations: Durations

  constructor(options: RunOptions) {
    const settings = { ...defaultBackendSettings, ...options.settings }
    this.durations = options.durations
    this.world = new AutomaticWorld(this.clock, options.durations, new Set(options.broken))
    this.world.maxInFlight = options.maxInFlight ?? 2
    const catalogue = new SimulatedCatalogue(options.models)
    for (const [name, priority] of Object.entries(options.priorities ?? {})) {
      catalogue.put(name, '1', { priority })
    }
    const many = Number.MAX_SAFE_INTEGER
    this.admission = createAdmission({
      driver: this.world,
      catalogue,
      clock: this.clock,
      log: { debug() {}, info() {}, warn() {}, error() {} },
      ...(options.policy && { policy: options.policy }),
      onFact: (fact) => {
        if (fact.type === 'preempted') this.preempted.push(`${fact.model} for ${fact.target}`)
      },
      onTransition: (transition) => this.transitions.push({ ...transition, at: this.clock.now() }),
      settings: {
        hold: true,
        maxHeldPerModel: options.maxHeldPerModel ?? many,
        maxHeld: many,
        maxHeldBytes: many,
        waitDeadlineMs: 1e9,
        drainDeadlineMs: settings.drainDeadlineMs,
        maxWaitMs: settings.maxWaitMs,
        whenPinned: options.whenPinned ?? 'refuse',
      },
      backends: (options.backends ?? [{ name: 'gpu', models: undefined }]).map((backend) =>
        Object.assign({}, backend, { settings: { ...settings, ...backend.settings } }),
      ),
      pools: options.pools ?? [],
    })
    const { world } = this
    world.gpusOf = (backend) =>
      options.backends?.find(({ name }) => name === backend)?.pool?.gpus ?? 0
    for (const { gpus } of options.pools ?? []) world.gpus = gpus
  }

  /** One request; `then` runs when its last byte is out, or it was refused. */
  send(model: string, ms: number, then?: (served: Served) => void): Served {
    const arrivedAt = this.clock.now()
    const served: Served = { model, arrivedAt, waitedMs: undefined, outcome: 'waiting' }
    this.served.push(served)
    const request = { id: String(this.served.length), model, path: '/v1', bytes: 0, arrivedAt }
    this.admission.acquire(request, new AbortController().signal).then(
      (lease: Lease) => {
        served.waitedMs = lease.waitedMs
        served.outcome = 'leased'
        this.clock.setTimeout(() => {
          served.outcome = 'done'
          lease.release()
          then?.(served)
        }, ms)
      },
      (error: unknown) => {
        served.waitedMs = this.clock.now() - arrivedAt
        served.outcome = 'refused'
        served.error = error
        then?.(served)
      },
    )
    return served
  }
}
