import type { Choices, Trial } from './trials.ts'

/** One setting, and what of it is tried. */
export interface Step {
  readonly setting:
    | 'switchPolicy'
    | 'maxWait'
    | 'minResidency'
    | 'idleTimeout'
    | 'keepWarm'
    | 'backends'
  /** Whose; undefined where it is one for all. */
  readonly model?: string
  readonly unit?: 'ms'
  readonly shown: (choices: Choices) => string | number
  readonly options: readonly ((before: Choices) => Choices)[]
}

/** What became of one setting. */
export interface Suggestion {
  readonly setting: Step['setting']
  readonly model?: string
  readonly unit?: 'ms'
  /** As it is. */
  readonly present: string | number
  readonly suggested: string | number
  /** The best of what was tried; the same as `suggested` unless something spoke against it. */
  readonly best: string | number
  /** What the best that was tried would save, ms; less than 0: it costs more. */
  readonly savedMs: number
  readonly why: 'saves' | 'no better' | 'somebody would wait too long'
  readonly before: Figures
  readonly after: Figures
}

type Figures = Pick<Trial, 'costMs' | 'priceMs' | 'heldMs' | 'switches' | 'loads'> & {
  readonly longestMs: number
}

/** Less is within what another day would change anyway. */
const worthIt = 0.02
/** So much longer than now nobody is to wait at most. */
const muchLonger = 1.1

/** The cheapest of what was tried under which nobody waits much longer than now. */
export function chosenBy(
  step: Step,
  { best, tried, present }: { best: Trial; tried: readonly Trial[]; present: Trial },
): { chosen: Trial; suggestion: Suggestion | undefined } {
  const others = tried.filter((trial) => step.shown(trial.choices) !== step.shown(best.choices))
  if (others.length === 0) return { chosen: best, suggestion: undefined }
  const saves = (trial: Trial) => trial.priceMs < best.priceMs * (1 - worthIt)
  const bearable = ({ waits }: Trial) => waits.longestMs <= present.waits.longestMs * muchLonger
  const cheapest = least(others)
  const fine = others.filter(bearable)
  const winner = fine.length > 0 ? least(fine) : undefined
  const chosen = winner && saves(winner) ? winner : best
  const compared = chosen === best ? cheapest : chosen
  const tooLong = chosen === best && saves(cheapest)
  return {
    chosen,
    suggestion: {
      setting: step.setting,
      ...(step.model !== undefined && { model: step.model }),
      ...(step.unit && { unit: step.unit }),
      present: step.shown(best.choices),
      suggested: step.shown(chosen.choices),
      best: step.shown(compared.choices),
      savedMs: best.priceMs - compared.priceMs,
      why: chosen !== best ? 'saves' : tooLong ? 'somebody would wait too long' : 'no better',
      before: figures(best),
      after: figures(compared),
    },
  }
}

function least(trials: readonly Trial[]): Trial {
  return trials.reduce((a, b) => (b.priceMs < a.priceMs ? b : a))
}

function figures({ costMs, priceMs, heldMs, switches, loads, waits }: Trial): Figures {
  return { costMs, priceMs, heldMs, switches, loads, longestMs: waits.longestMs }
}
