import type { SwitchPolicyName } from '../../machines/index.ts'
import { chosenBy, type Step, type Suggestion } from './suggestions.ts'
import { tryOut, type Choices, type Ground, type Trial } from './trials.ts'

export interface PlanOptions extends Omit<Ground, 'untilMs'> {
  /** What is in force now, or would be. */
  readonly present: Choices
  /** After it, nothing more is tried; ms. */
  readonly limitMs: number
  /** Clock for the limit, ms. */
  readonly now: () => number
  /** Before each trial; `of` grows while more turns out to be worth trying. */
  readonly onProgress?: (done: number, of: number, what: string) => void
}

export interface Plan {
  /** Requests that were played: all, or the busiest of them. */
  readonly played: { readonly requests: number; readonly fromMs: number; readonly untilMs: number }
  /** Under each policy, with all else as it is. */
  readonly policies: readonly Trial[]
  /** As it is. */
  readonly present: Trial
  /** With all that is suggested. */
  readonly suggested: Trial
  readonly suggestions: readonly Suggestion[]
  /** The time was over before all was tried. */
  readonly cutShort: boolean
}

const policies = ['fair', 'patient', 'fifo', 'sticky'] as const satisfies SwitchPolicyName[]
/** More than these take too long to be played some thirty times. */
const requestsAtMost = 20_000
const backendsAtMost = 6

const second = 1_000
const minute = 60 * second

/**
 * Plays a trace under each policy and tries, one setting after the other, what would make waiting, loading
 * and idle GPUs together cheaper, without letting anybody wait much longer than now.
 */
export async function plan(options: PlanOptions): Promise<Plan> {
  const { present, limitMs, now, onProgress } = options
  const window = busiest(options.arrivals)
  const last = Math.max(...window.map(({ at, durationMs }) => at + durationMs))
  const ground: Ground = { ...options, arrivals: fromZero(window), untilMs: last - window[0]!.at }
  const deadline = now() + limitMs
  const known = new Map<string, Trial>()
  let toDo = policies.length
  const look = async (choices: Choices, what: string): Promise<Trial> => {
    const key = JSON.stringify(choices)
    const before = known.get(key)
    if (before) return before
    onProgress?.(known.size, Math.max(toDo, known.size + 1), what)
    const trial = await tryOut(ground, choices)
    known.set(key, trial)
    return trial
  }

  const first = await look(present, `switchPolicy ${present.switchPolicy}`)
  const underPolicies: Trial[] = []
  for (const switchPolicy of policies) {
    underPolicies.push(await look({ ...present, switchPolicy }, `switchPolicy ${switchPolicy}`))
  }

  const steps = stepsFor(ground, present)
  toDo = known.size + steps.reduce((sum, { options: all }) => sum + all.length, 0)
  let best = first
  let cutShort = false
  const suggestions: Suggestion[] = []
  for (const step of steps) {
    const tried: Trial[] = []
    for (const change of step.options) {
      if (now() > deadline) {
        cutShort = true
        break
      }
      const choices = change(best.choices)
      tried.push(await look(choices, `${step.setting} ${step.shown(choices)}`))
    }
    const { chosen, suggestion } = chosenBy(step, { best, tried, present: first })
    best = chosen
    if (suggestion) suggestions.push(suggestion)
  }
  const began = window[0]!.at
  return {
    played: { requests: window.length, fromMs: began, untilMs: last },
    policies: underPolicies,
    present: first,
    suggested: best,
    suggestions,
    cutShort,
  }
}

/** The policy first, as the most depends on it; more backends last, as they cost money. */
function stepsFor({ models }: Ground, present: Choices): Step[] {
  const asked = models.map(({ facts }) => facts)
  // One for each model is all that can help, until one model alone is too much for one.
  const most = Math.min(backendsAtMost, Math.max(present.backends, models.length))
  const counts = Array.from({ length: most }, (_, i) => i + 1)
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
      options: [15 * second, 30 * second, minute, 2 * minute, 5 * minute].map(
        (maxWaitMs) => (before) => ({ ...before, maxWaitMs }),
      ),
    },
    {
      setting: 'minResidency',
      unit: 'ms',
      shown: ({ minResidencyMs }) => minResidencyMs,
      options: [0, 30 * second, 2 * minute].map((minResidencyMs) => (before) => ({
        ...before,
        minResidencyMs,
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
      setting: 'backends',
      shown: ({ backends }) => backends,
      options: counts.map((backends) => (before) => ({ ...before, backends })),
    },
  ]
}

/** All of them, or the stretch in which so many came soonest. */
function busiest(arrivals: Ground['arrivals']): Ground['arrivals'] {
  if (arrivals.length <= requestsAtMost) return arrivals
  let from = 0
  let shortest = Infinity
  for (let i = 0; i + requestsAtMost <= arrivals.length; i++) {
    const long = arrivals[i + requestsAtMost - 1]!.at - arrivals[i]!.at
    if (long < shortest) [shortest, from] = [long, i]
  }
  return arrivals.slice(from, from + requestsAtMost)
}

function fromZero(arrivals: Ground['arrivals']): Ground['arrivals'] {
  const first = arrivals[0]!.at
  if (first === 0) return arrivals
  return arrivals.map(({ at, model, durationMs }) => ({ at: at - first, model, durationMs }))
}
