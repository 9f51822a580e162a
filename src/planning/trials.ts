import type { BackendSettings, Model, SwitchPolicyName } from '../../machines/index.ts'
import type { WarmWindow } from '../config/index.ts'
import { openTimes } from './warm-windows.ts'
import { simulate, type Arrival, type Outcome, type Workload } from './simulation.ts'

/** A model of the plan. */
export interface PlannedModel {
  readonly facts: Model
  readonly maxInFlight: number
  readonly load: { readonly ms: number; readonly source: 'given' | 'measured' | 'guessed' }
}

/** What a trial tries. */
export interface Choices {
  readonly switchPolicy: SwitchPolicyName
  readonly maxWaitMs: number
  readonly minResidencyMs: number
  readonly backends: number
  /** By model, where it is not the manifest's or the setting's. */
  readonly idleTimeoutMs: Readonly<Record<string, number>>
  /** A model that is kept warm, beside those of the ground. */
  readonly keepWarm?: WarmWindow
}

export interface Waits {
  readonly requests: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly longestMs: number
}

/** What became of the trace under some choices. */
export interface Trial {
  readonly choices: Choices
  readonly waits: Waits
  readonly byModel: Readonly<Record<string, Waits>>
  readonly loads: number
  readonly switches: number
  /** Of the time that all backends had. */
  readonly servingShare: number
  readonly loadingShare: number
  /** Held and doing nothing. */
  readonly idleShare: number
  readonly heldMs: number
  /** Σ waiting + `loadingWeight` × Σ loading. */
  readonly costMs: number
  /** The cost + `gpuWeight` × the time that GPUs were held and did nothing. */
  readonly priceMs: number
}

export interface Ground {
  readonly arrivals: readonly Arrival[]
  readonly models: readonly PlannedModel[]
  readonly untilMs: number
  /** Unix time of the begin, ms; undefined where the trace does not say. */
  readonly beganAt: number | undefined
  /** Over the defaults: what is in force and not tried. */
  readonly settings?: Partial<BackendSettings>
  /** Windows that are in force. */
  readonly keepWarm?: readonly WarmWindow[]
  /** Seconds of waiting that a second of loading is worth. */
  readonly loadingWeight: number
  /** Seconds of waiting that a second of a GPU that is held and does nothing is worth. */
  readonly gpuWeight: number
}

/** What a process or pod usually takes to be gone. */
const unloadMs = 5_000

/** Plays the trace through the real charts under these choices. */
export async function tryOut(ground: Ground, choices: Choices): Promise<Trial> {
  const workload = workloadOf(ground, choices)
  const outcome = await simulate(workload, choices.switchPolicy)
  const { loadingMs, servingMs, heldMs, waits } = outcome
  const spanMs = ground.untilMs * choices.backends
  const idleMs = Math.max(0, heldMs - servingMs - loadingMs)
  const waitedMs = waits.reduce((sum, each) => sum + each.waitedMs, 0)
  const costMs = waitedMs + ground.loadingWeight * loadingMs
  const names = ground.models.map(({ facts }) => facts.name)
  return {
    choices,
    waits: waitsOf(outcome),
    byModel: Object.fromEntries(names.map((name) => [name, waitsOf(outcome, name)])),
    loads: outcome.loads,
    switches: outcome.switches,
    servingShare: servingMs / spanMs,
    loadingShare: loadingMs / spanMs,
    idleShare: idleMs / spanMs,
    heldMs,
    costMs,
    priceMs: costMs + ground.gpuWeight * idleMs,
  }
}

function workloadOf(ground: Ground, choices: Choices): Workload {
  const { arrivals, models, untilMs, beganAt, loadingWeight } = ground
  const { maxWaitMs, minResidencyMs, backends, idleTimeoutMs, keepWarm } = choices
  const windows = [...(ground.keepWarm ?? []), ...(keepWarm ? [keepWarm] : [])]
  return {
    name: 'trace',
    loadMs: Object.fromEntries(models.map(({ facts, load }) => [facts.name, load.ms])),
    unloadMs,
    maxInFlight: Math.max(...models.map(({ maxInFlight }) => maxInFlight)),
    maxWaitMs,
    arrivals,
    untilMs,
    backends,
    settings: { loadingWeight, ...ground.settings, maxWaitMs, minResidencyMs },
    warm:
      beganAt === undefined
        ? []
        : windows.flatMap((window) => openTimes(window, { beganAt }, untilMs)),
    models: Object.fromEntries(
      models.map(({ facts, maxInFlight }) => {
        const own = idleTimeoutMs[facts.name] ?? facts.idleTimeoutMs
        const { priority } = facts
        return [facts.name, { priority, maxInFlight, idleTimeoutMs: own }]
      }),
    ),
  }
}

function waitsOf({ waits }: Outcome, model?: string): Waits {
  const sorted = waits
    .filter((each) => model === undefined || each.model === model)
    .map(({ waitedMs }) => waitedMs)
    .sort((a, b) => a - b)
  const at = (part: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
  return { requests: sorted.length, p50Ms: at(0.5), p95Ms: at(0.95), longestMs: at(1) }
}
