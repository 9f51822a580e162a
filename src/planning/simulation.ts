import {
  defaultBackendSettings,
  switchPolicies,
  type SwitchPolicyName,
} from '../../machines/index.ts'
import { createAdmission, type Clock, type Lease } from '../admission/index.ts'
import { fixedCatalogue } from './catalogue.ts'
import { PlannedClock } from './clock.ts'
import { PlannedWorld } from './world.ts'

/** One request of a workload. Times in ms since its begin. */
export interface Arrival {
  readonly at: number
  readonly model: string
  /** From its lease to its last byte. */
  readonly durationMs: number
}

export interface Workload {
  readonly name: string
  /** ms that a load takes, by model. */
  readonly loadMs: Readonly<Record<string, number>>
  readonly unloadMs: number
  readonly maxInFlight: number
  readonly maxWaitMs: number
  /** In order of arrival. */
  readonly arrivals: readonly Arrival[]
  /** The end of what is measured; who still waits then has waited until then. */
  readonly untilMs: number
}

export interface Waited {
  readonly model: string
  readonly waitedMs: number
  readonly finished: boolean
}

export interface Outcome {
  readonly policy: SwitchPolicyName
  readonly waits: readonly Waited[]
  readonly loads: number
  readonly loadingMs: number
  /** Some request held a lease. */
  readonly servingMs: number
  /** Σ waiting + Σ loading, ms. */
  readonly costMs: number
  /** What must never be seen; see `PlannedWorld`. */
  readonly violations: readonly string[]
}

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const unbounded = Number.MAX_SAFE_INTEGER
/** Longer than any workload. */
const farMs = 1e9

/** Plays a workload through the real admission and the real charts on one GPU, by a simulated clock. */
export async function simulate(workload: Workload, policy: SwitchPolicyName): Promise<Outcome> {
  const clock = new PlannedClock()
  const world = new PlannedWorld(clock, workload)
  const models = Object.keys(workload.loadMs).map((name) => ({
    name,
    revision: '1',
    idleTimeoutMs: farMs,
    startTimeoutMs: farMs,
    priority: 0,
  }))
  const catalogue = fixedCatalogue(models, workload.maxInFlight)
  const { maxWaitMs } = workload
  const settings = { ...defaultBackendSettings, maxWaitMs, drainDeadlineMs: farMs }
  const admission = createAdmission({
    driver: world,
    catalogue,
    clock,
    log: silent,
    policy: switchPolicies[policy],
    backends: [{ name: 'gpu', models: undefined, settings }],
    settings: {
      hold: true,
      maxHeldPerModel: unbounded,
      maxHeld: unbounded,
      maxHeldBytes: unbounded,
      waitDeadlineMs: farMs,
      drainDeadlineMs: farMs,
      maxWaitMs,
      whenPinned: 'refuse',
    },
  })
  const begin = clock.now()
  const busy = new BusyTime(clock)
  const waiting = new Map<Arrival, number>()
  const waits: Waited[] = []

  const take = (arrival: Arrival, lease: Lease) => {
    waiting.delete(arrival)
    busy.add()
    const finished = clock.now() + arrival.durationMs <= begin + workload.untilMs
    waits.push({ model: arrival.model, waitedMs: lease.waitedMs, finished })
    clock.setTimeout(() => {
      busy.remove()
      lease.release()
    }, arrival.durationMs)
  }
  const arrive = (arrival: Arrival) => {
    const { model } = arrival
    const arrivedAt = clock.now()
    const request = { id: String(waits.length), model, path: '/v1', bytes: 0, arrivedAt }
    const warm = admission.tryAcquire(request)
    if (warm) return take(arrival, warm)
    waiting.set(arrival, arrivedAt)
    void admission
      .acquire(request, new AbortController().signal)
      .then((lease) => take(arrival, lease))
  }

  for (const arrival of workload.arrivals) {
    await clock.pass(begin + arrival.at - clock.now())
    arrive(arrival)
  }
  await clock.pass(begin + workload.untilMs - clock.now())
  for (const [{ model }, since] of waiting) {
    waits.push({ model, waitedMs: clock.now() - since, finished: false })
  }
  const loadingMs = world.began.reduce((sum, { model }) => sum + workload.loadMs[model.name]!, 0)
  return {
    policy,
    waits,
    loads: world.began.length,
    loadingMs,
    servingMs: busy.total(),
    costMs: waits.reduce((sum, { waitedMs }) => sum + waitedMs, loadingMs),
    violations: world.violations,
  }
}

/** How long at least one request was being served. */
class BusyTime {
  readonly #clock: Clock
  #count = 0
  #since = 0
  #ms = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(): void {
    if (this.#count++ === 0) this.#since = this.#clock.now()
  }

  remove(): void {
    if (--this.#count === 0) this.#ms += this.#clock.now() - this.#since
  }

  total(): number {
    return this.#ms + (this.#count > 0 ? this.#clock.now() - this.#since : 0)
  }
}
