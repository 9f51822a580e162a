import {
  defaultBackendSettings,
  switchPolicies,
  type BackendSettings,
  type Model,
  type SwitchPolicyName,
} from '../../machines/index.ts'
import { createAdmission, type Lease, type WarmWish } from '../admission/index.ts'
import { BusyTime } from './busy-time.ts'
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
  /** Backends of one GPU each; one unless given. */
  readonly backends?: number
  /** Over the defaults. */
  readonly settings?: Partial<BackendSettings>
  /** When a model is kept warm. */
  readonly warm?: readonly {
    readonly model: string
    readonly fromMs: number
    readonly untilMs: number
  }[]
  /** By model; nothing is idled out unless given. */
  readonly models?: Readonly<Record<string, Partial<Model> & { readonly maxInFlight?: number }>>
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
  /** Loads for which another model had to go. */
  readonly switches: number
  readonly loadingMs: number
  /** Some request held a lease; of several backends the sum, as below. */
  readonly servingMs: number
  /** From the begin of a load until the GPU was free again. */
  readonly heldMs: number
  /** Σ waiting + Σ loading, ms. */
  readonly costMs: number
  /** What must never be seen; see `PlannedWorld`. */
  readonly violations: readonly string[]
}

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const unbounded = Number.MAX_SAFE_INTEGER
/** Longer than any workload. */
const farMs = 1e9

/** Plays a workload through the real admission and the real charts, by a simulated clock. */
export async function simulate(workload: Workload, policy: SwitchPolicyName): Promise<Outcome> {
  const clock = new PlannedClock()
  const world = new PlannedWorld(clock, workload)
  const { maxWaitMs } = workload
  const settings: BackendSettings = {
    ...defaultBackendSettings,
    maxWaitMs,
    drainDeadlineMs: farMs,
    ...workload.settings,
  }
  const backends = Array.from({ length: workload.backends ?? 1 }, (_, i) => ({
    name: i === 0 ? 'gpu' : `gpu${i + 1}`,
    models: undefined,
    settings,
  }))
  let switches = 0
  const admission = createAdmission({
    driver: world,
    catalogue: fixedCatalogue(modelsOf(workload)),
    clock,
    log: silent,
    policy: switchPolicies[policy],
    backends,
    settings: {
      hold: true,
      maxHeldPerModel: unbounded,
      maxHeld: unbounded,
      maxHeldBytes: unbounded,
      waitDeadlineMs: farMs,
      drainDeadlineMs: farMs,
      maxWaitMs,
      whenPinned: 'wait',
    },
    onTransition: ({ to }) => {
      if (to === 'switchingModel.unloading') switches++
    },
  })
  const begin = clock.now()
  const busy = new Map(backends.map(({ name }) => [name, new BusyTime(() => clock.now())]))
  const waiting = new Map<Arrival, number>()
  const waits: Waited[] = []

  const take = (arrival: Arrival, lease: Lease) => {
    waiting.delete(arrival)
    busy.get(lease.backend)?.add()
    const finished = clock.now() + arrival.durationMs <= begin + workload.untilMs
    waits.push({ model: arrival.model, waitedMs: lease.waitedMs, finished })
    clock.setTimeout(() => {
      busy.get(lease.backend)?.remove()
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

  const open = new Map<string, WarmWish>()
  for (const [index, { model, fromMs, untilMs }] of (workload.warm ?? []).entries()) {
    const id = `${index} ${model}`
    const wish = { id, model, backend: undefined, because: 'kept warm' }
    clock.setTimeout(() => {
      open.set(id, wish)
      admission.keepWarm([...open.values()])
    }, fromMs)
    clock.setTimeout(() => {
      open.delete(id)
      admission.keepWarm([...open.values()])
    }, untilMs)
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
    switches,
    loadingMs,
    servingMs: [...busy.values()].reduce((sum, each) => sum + each.total(), 0),
    heldMs: world.heldMs(),
    costMs: waits.reduce((sum, { waitedMs }) => sum + waitedMs, loadingMs),
    violations: world.violations,
  }
}

function modelsOf({ loadMs, maxInFlight, models }: Workload) {
  const usual = { revision: '1', idleTimeoutMs: farMs, startTimeoutMs: farMs, priority: 0 }
  return Object.keys(loadMs).map((name) =>
    Object.assign({ name, maxInFlight }, usual, models?.[name]),
  )
}
