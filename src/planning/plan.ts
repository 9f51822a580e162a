import { policies, stepsFor } from './steps.ts'
import { chosenBy, type Suggestion } from './suggestions.ts'
import { tryOut, type Choices, type Ground, type Trial } from './trials.ts'

export interface PlanOptions extends Omit<Ground, 'untilMs'> {
  /** For windows in which a model is kept warm. */
  readonly timeZone: string
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
  /** With all that is suggested, on as many backends as there are. */
  readonly suggested: Trial
  /** The same on another number of backends, where that is worth it. */
  readonly resized: Trial | undefined
  readonly suggestions: readonly Suggestion[]
  /** The time was over before all was tried. */
  readonly cutShort: boolean
}

/** More than these take too long to be played some thirty times. */
const requestsAtMost = 20_000

/**
 * Plays a trace under each policy and tries, one setting after the other, what would make waiting, loading
 * and idle GPUs together cheaper, without letting anybody wait much longer than now.
 */
export async function plan(options: PlanOptions): Promise<Plan> {
  const { present, limitMs, now, onProgress } = options
  const window = busiest(options.arrivals)
  const last = Math.max(...window.map(({ at, durationMs }) => at + durationMs))
  const began = window[0]!.at
  const ground: Ground = {
    ...options,
    arrivals: fromZero(window),
    untilMs: last - began,
    beganAt: options.beganAt === undefined ? undefined : options.beganAt + began,
  }
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

  const steps = stepsFor(ground, options)
  toDo = known.size + steps.reduce((sum, { options: all }) => sum + all.length, 0)
  let best = first
  let resized: Trial | undefined
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
    // Others are tried on the backends there are: another number costs money, and is for a person to decide.
    if (step.setting !== 'backends') best = chosen
    else if (chosen !== best) resized = chosen
    if (suggestion) suggestions.push(suggestion)
  }
  return {
    played: { requests: window.length, fromMs: began, untilMs: last },
    policies: underPolicies,
    present: first,
    suggested: best,
    resized,
    suggestions,
    cutShort,
  }
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
