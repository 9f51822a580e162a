import type { SwitchPolicyName } from '../../machines/index.ts'
import type { WarmWindow } from '../config/index.ts'
import type { Step } from './suggestions.ts'
import type { Choices, Ground } from './trials.ts'
import { usualWindow } from './warm-windows.ts'

export const policies = ['fair', 'patient', 'fifo', 'sticky'] as const satisfies SwitchPolicyName[]

const second = 1_000
const minute = 60 * second
const backendsAtMost = 6
const warmAtMost = 4

export interface StepOptions {
  readonly present: Choices
  /** Of windows in which a model is kept warm. */
  readonly timeZone: string
}

/** What is tried, in this order: what tells most comes first, in case the time is short. */
export function stepsFor(ground: Ground, { present, timeZone }: StepOptions): Step[] {
  const asked = byRequests(ground)
  return [
    {
      setting: 'switchPolicy',
      shown: ({ switchPolicy }) => switchPolicy,
      options: policies.map((switchPolicy) => (before) => ({ ...before, switchPolicy })),
    },
    {
      setting: 'maxWait',
      unit: 'ms',
      shown: ({ maxWaitMs }) => maxWaitMs,
      options: [30 * second, minute, 2 * minute, 5 * minute].map((maxWaitMs) => (before) => ({
        ...before,
        maxWaitMs,
      })),
    },
    {
      setting: 'keepWarm',
      shown: ({ keepWarm }) =>
        windowsText([...(ground.keepWarm ?? []), ...(keepWarm ? [keepWarm] : [])]),
      options: windows(ground, asked.slice(0, warmAtMost), timeZone).map(
        (keepWarm) => (before) => ({ ...before, keepWarm }),
      ),
    },
    {
      setting: 'backends',
      shown: ({ backends }) => backends,
      options: backendCounts(present.backends, asked.length).map((backends) => (before) => ({
        ...before,
        backends,
      })),
    },
    ...asked.map(({ name, idleTimeoutMs }): Step => ({
      setting: 'idleTimeout',
      model: name,
      unit: 'ms',
      shown: (choices) => choices.idleTimeoutMs[name] ?? idleTimeoutMs,
      options: [minute, 5 * minute, 15 * minute, 60 * minute].map((tried) => (before) => ({
        ...before,
        idleTimeoutMs: { ...before.idleTimeoutMs, [name]: tried },
      })),
    })),
    {
      setting: 'minResidency',
      unit: 'ms',
      shown: ({ minResidencyMs }) => minResidencyMs,
      options: [0, 30 * second, 2 * minute].map((minResidencyMs) => (before) => ({
        ...before,
        minResidencyMs,
      })),
    },
  ]
}

/** The most requested first. */
function byRequests({ models, arrivals }: Ground) {
  const counted = Map.groupBy(arrivals, ({ model }) => model)
  const requests = (name: string) => counted.get(name)?.length ?? 0
  return models.map(({ facts }) => facts).sort((a, b) => requests(b.name) - requests(a.name))
}

function windows(
  { arrivals, beganAt }: Ground,
  models: readonly { readonly name: string }[],
  timeZone: string,
): WarmWindow[] {
  if (beganAt === undefined) return []
  return models.flatMap(({ name }) => usualWindow(name, { arrivals, beganAt, timeZone }) ?? [])
}

/** One for each model is all that can help, until one model alone is too much for one. */
function backendCounts(present: number, models: number): number[] {
  const most = Math.min(backendsAtMost, Math.max(present, models))
  return Array.from({ length: most }, (_, i) => i + 1)
}

/** As it stands in the file. */
function windowsText(windows: readonly WarmWindow[]): string {
  if (windows.length === 0) return 'none'
  const entries = windows.map((window) =>
    Object.entries(window).flatMap(([key, value]) =>
      value === undefined ? [] : `${key}: ${value}`,
    ),
  )
  return `[${entries.map((fields) => `{ ${fields.join(', ')} }`).join(', ')}]`
}
