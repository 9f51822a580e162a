import { expect, onTestFinished } from 'vitest'
import { createActor, fromCallback, fromPromise, SimulatedClock } from 'xstate'
import {
  backendMachine,
  defaultBackendSettings,
  patientPolicy,
  type BackendEvent,
  type BackendFact,
  type BackendSettings,
  type EngineLoad,
  type Model,
  type Models,
  type Observed,
  type ReplicaLost,
  type Sight,
  type Started,
  type StartOrder,
  type StartPhase,
  type SwitchPolicy,
  type Waiting,
} from '../../../machines/index.ts'

export type Effect =
  | 'ensure resources'
  | 'bring replicas up'
  | 'drain leases'
  | 'ask the engine'
  | 'take replicas down'

interface Call {
  readonly effect: Effect
  readonly signal: AbortSignal
  readonly order?: StartOrder
  readonly onPhase?: (phase: StartPhase) => void
  resolve(value?: unknown): void
  reject(error: unknown): void
}

export function model(name: string, facts: Partial<Model> = {}): Model {
  return {
    name,
    revision: '1',
    idleTimeoutMs: 30_000,
    startTimeoutMs: 600_000,
    priority: 0,
    ...facts,
  }
}

export const threeModels: Models = { a: model('a'), b: model('b'), c: model('c') }

export interface PlayOptions {
  readonly models?: Models
  readonly settings?: Partial<BackendSettings>
  readonly observed?: Observed
  readonly policy?: SwitchPolicy
  /** False: the gate tells nothing of itself; the test sends each `demand changed`. */
  readonly gate?: boolean
  /** GPUs that it needs of a pool. */
  readonly gpus?: number
}

/**
 * One backend's chart with effects that end when the test says so, a gate reduced to its counters,
 * and a clock that stands still.
 */
export class BackendPlay {
  readonly clock = new SimulatedClock()
  readonly facts: BackendFact[] = []
  readonly calls: Call[] = []
  /** Every state it was in, with the reason; in order. */
  readonly path: { readonly state: string; readonly because: string }[] = []
  readonly settings: BackendSettings
  readonly actor
  /** What the gate would be opened for; each opening counts. */
  openings: { readonly model: string; readonly generation: number }[] = []
  models: Models
  leases = 0
  openFor: number | undefined
  gateFailure: Error | undefined
  watchFailure: Error | undefined
  /** What must never be seen: a start while an older generation's replicas are not gone. */
  readonly violations: string[] = []
  readonly #gate: boolean
  #sight: Sight = { observed: { found: 'nothing' }, leads: true, refusals: {} }
  #waiting = new Map<string, Waiting>()
  /** Generation whose replicas hold the GPU. */
  #gpuHeldBy: number | undefined
  #loseReplica: ((lost: ReplicaLost) => void) | undefined

  constructor({
    models = threeModels,
    settings,
    observed,
    policy,
    gate = true,
    gpus = 0,
  }: PlayOptions = {}) {
    this.#gate = gate
    this.models = models
    this.settings = { ...defaultBackendSettings, ...settings }
    this.actor = createActor(this.#machine(), {
      clock: this.clock,
      input: {
        backend: 'gpu',
        settings: this.settings,
        policy: policy ?? patientPolicy,
        now: () => this.now,
        models,
        observed: observed ?? { found: 'nothing' },
        gpus,
      },
    })
    this.actor.on('*', (fact) => this.facts.push(fact))
    this.actor.subscribe({
      next: () => {
        const { state, because } = this
        const last = this.path.at(-1)
        if (state !== last?.state || because !== last.because) this.path.push({ state, because })
      },
      // Without an observer the error would end the process; `status` tells the tests.
      error: () => {},
    })
    this.actor.start()
  }

  /** Not 0, so that a forgotten time shows. */
  get now(): number {
    return 1_000_000 + this.clock.now()
  }

  get context() {
    return this.actor.getSnapshot().context
  }

  get state(): string {
    return leafOf(this.actor.getSnapshot().value)
  }

  get because(): string {
    return this.context.because
  }

  get status(): string {
    return this.actor.getSnapshot().status
  }

  facted<T extends BackendFact['type']>(type: T): Extract<BackendFact, { type: T }>[] {
    return this.facts.filter(
      (fact): fact is Extract<BackendFact, { type: T }> => fact.type === type,
    )
  }

  /** Calls of an effect that nobody has abandoned or answered. */
  running(effect: Effect): Call[] {
    return this.calls.filter((call) => call.effect === effect && !call.signal.aborted)
  }

  /** Models that were ordered, in order of their starts. */
  get ordered(): string[] {
    return this.calls
      .filter(({ effect }) => effect === 'bring replicas up')
      .map(({ order }) => order!.model.name)
  }

  // What the world does.

  async end(effect: Effect, value?: unknown): Promise<void> {
    if (effect === 'take replicas down') this.#gpuHeldBy = undefined
    this.#take(effect).resolve(value)
    await settled()
  }

  async fail(effect: Effect, error: unknown = new Error('it broke')): Promise<void> {
    this.#take(effect).reject(error)
    await settled()
  }

  started(revision?: string): Started {
    const name = this.context.model?.name ?? ''
    return {
      endpoints: [{ url: `http://${name}`, incarnation: name, maxInFlight: 2 }],
      revision: revision ?? this.models[name]?.revision ?? '1',
    }
  }

  /** Through a whole start, from creatingResources to ready. */
  async load(): Promise<void> {
    await this.end('ensure resources')
    await this.end('bring replicas up', this.started())
  }

  async loseReplica(lost: Partial<ReplicaLost> = {}): Promise<void> {
    const whole = { message: 'killed by SIGKILL', replaced: false, ...lost }
    if (this.#loseReplica) this.#loseReplica(whole)
    else this.actor.send({ type: 'replica lost', lost: whole })
    await settled()
  }

  /** What the driver tells of a world with others in it; the rest of the sight is as before. */
  async see(change: Partial<Sight>): Promise<void> {
    this.#sight = { ...this.#sight, ...change }
    this.actor.send({ type: 'world seen', sight: this.#sight })
    await settled()
  }

  async pass(ms: number): Promise<void> {
    this.clock.increment(ms)
    await settled()
  }

  // What the gate does.

  async wait(name: string, { oldestAt = this.now, owed = 0, count = 1 } = {}): Promise<void> {
    this.#waiting.set(name, { model: name, count, oldestAt, weight: count, meanAt: oldestAt, owed })
    await this.tell()
  }

  async leave(...names: string[]): Promise<void> {
    for (const name of names.length > 0 ? names : this.#waiting.keys()) this.#waiting.delete(name)
    await this.tell()
  }

  async lease(leases: number): Promise<void> {
    this.leases = leases
    await this.tell()
  }

  async tell(): Promise<void> {
    this.actor.send({
      type: 'demand changed',
      demand: { openFor: this.openFor, leases: this.leases, waiting: [...this.#waiting.values()] },
    })
    await settled()
  }

  // What the catalogue and operators do.

  async change(name: string, facts: Partial<Model>): Promise<void> {
    await this.catalogue({
      ...this.models,
      [name]: { ...model(name), ...this.models[name], ...facts },
    })
  }

  async remove(name: string): Promise<void> {
    const { [name]: _, ...rest } = this.models
    await this.catalogue(rest)
  }

  async catalogue(models: Models): Promise<void> {
    this.models = models
    this.actor.send({ type: 'catalogue changed', models })
    await settled()
  }

  /** What the schedule wants to be there from now on. */
  async keepWarm(name: string | undefined, id = 'window 1'): Promise<void> {
    const warm =
      name === undefined ? undefined : { model: name, because: 'kept warm until 18:00', id }
    this.actor.send({ type: 'keep warm changed', warm })
    await settled()
  }

  async start(name?: string): Promise<void> {
    this.actor.send({ type: 'operator starts', ...(name !== undefined && { model: name }) })
    await settled()
  }

  async stop({ hold = false } = {}): Promise<void> {
    this.actor.send({ type: 'operator stops', hold })
    await settled()
  }

  /** An operator pins these, and no others. */
  async pin(...pinned: string[]): Promise<void> {
    this.actor.send({ type: 'pins changed', pinned })
    await settled()
  }

  /** What its pool tells. */
  async pool(
    event: Extract<BackendEvent, { type: 'GPUs granted' | 'room wanted' }>,
  ): Promise<void> {
    this.actor.send(event)
    await settled()
  }

  #take(effect: Effect): Call {
    const call = this.running(effect).at(-1)
    if (!call) throw new Error(`${effect} does not run in ${this.state}`)
    return call
  }

  #call<T>(effect: Effect, signal: AbortSignal, more: Partial<Call> = {}): Promise<T> {
    const { generation, model: ordered } = more.order ?? {}
    if (this.#gpuHeldBy !== undefined && generation !== undefined) {
      if (this.#gpuHeldBy !== generation) this.violations.push(`${ordered?.name} started beside`)
    }
    if (effect === 'bring replicas up') this.#gpuHeldBy = generation
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.calls.push({
      effect,
      signal,
      ...more,
      resolve: (value) => resolve(value as T),
      reject,
    })
    return promise
  }

  #machine() {
    return backendMachine.provide({
      actors: {
        'ensure resources': fromPromise(({ input, signal }) =>
          this.#call<void>('ensure resources', signal, { order: input }),
        ),
        'bring replicas up': fromPromise(({ input, signal }) =>
          this.#call<Started>('bring replicas up', signal, input),
        ),
        'drain leases': fromPromise(({ signal }) => this.#call<void>('drain leases', signal)),
        'ask the engine': fromPromise(({ signal }) =>
          this.#call<EngineLoad | undefined>('ask the engine', signal),
        ),
        'take replicas down': fromPromise(({ signal }) =>
          this.#call<void>('take replicas down', signal),
        ),
        'admit requests': fromCallback(({ input: { model: name, generation } }) => {
          if (this.gateFailure) throw this.gateFailure
          this.openings.push({ model: name, generation })
          if (!this.#gate) return undefined
          this.openFor = generation
          const own = this.#waiting.get(name)
          if (own) {
            this.#waiting.delete(name)
            this.leases += own.count
          }
          void this.tell()
          return () => {
            this.openFor = undefined
            void this.tell()
          }
        }),
        'watch replicas': fromCallback(({ sendBack }) => {
          if (this.watchFailure) throw this.watchFailure
          const lose = (lost: ReplicaLost) => sendBack({ type: 'replica lost', lost })
          this.#loseReplica = lose
          return () => {
            if (this.#loseReplica === lose) this.#loseReplica = undefined
          }
        }),
      },
    })
  }
}

/** A play that must end sound, whatever the test was about: alive, and never two on one GPU. */
export function newPlay(options?: PlayOptions): BackendPlay {
  const play = new BackendPlay(options)
  onTestFinished(() => {
    expect(play.status).toBe('active')
    expect(play.violations).toEqual([])
  })
  return play
}

/** `{ ready: 'serving' }` as `ready.serving`. */
export function leafOf(value: unknown): string {
  if (typeof value === 'string') return value
  return Object.entries(value as Record<string, unknown>)
    .map(([outer, inner]) => `${outer}.${leafOf(inner)}`)
    .join(' ')
}

/** Every promise that can settle without time passing has settled, and what follows from it. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
