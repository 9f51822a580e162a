import { formatDuration, type Settings } from '../../config/index.ts'
import type { Plan, PlannedModel, Suggestion, Trace, Trial, Waits } from '../../planning/index.ts'
import { inWords, table } from '../table.ts'

export interface Told {
  readonly trace: Trace
  readonly models: readonly PlannedModel[]
  readonly plan: Plan
  readonly weights: Pick<Settings, 'loadingWeight'> & { readonly gpuWeight: number }
}

/** A plan for the person. */
export function planInWords(told: Told): string {
  const { plan } = told
  const { backends } = plan.present.choices
  return [
    ...traceLines(told),
    '',
    `As it is, on ${count(backends, 'backend')}, under each policy:`,
    trialTable(plan.policies),
    '',
    `Waits under ${plan.present.choices.switchPolicy}:`,
    waitTable(plan.present),
    '',
    ...suggestionLines(told),
  ].join('\n')
}

function traceLines({ trace, models, plan }: Told): string[] {
  const { arrivals, beganAt, guessed } = trace
  const { played } = plan
  const last = arrivals.at(-1)!.at
  const when = beganAt === undefined ? '' : `, from ${new Date(beganAt).toISOString()}`
  const lines = [
    `${count(arrivals.length, 'request')} for ${count(models.length, 'model')} in ${inWords(last)}${when}.`,
  ]
  if (played.requests < arrivals.length) {
    lines.push(
      `Played are the ${played.requests} of the busiest ${inWords(played.untilMs - played.fromMs)}.`,
    )
  }
  if (guessed > 0) lines.push(`${guessed} of them tell no duration: the usual one of their model.`)
  const sources = { given: 'as given', measured: 'as the log says', guessed: 'a guess' }
  const loads = models.map(
    ({ facts: { name }, load }) => `${name} ${inWords(load.ms)} (${sources[load.source]})`,
  )
  lines.push(`A load takes: ${loads.join(', ')}.`)
  const unsure = models.find(({ load }) => load.source === 'guessed')
  if (unsure) {
    lines.push(`If you know better: --load-seconds ${unsure.facts.name}=SECONDS.`)
  }
  return lines
}

function trialTable(trials: readonly Trial[]): string {
  return table(
    ['POLICY', 'P50', 'P95', 'LONGEST', 'LOADS', 'SWITCHES', 'SERVING', 'LOADING', 'IDLE', 'COST'],
    trials.map((trial) => [
      trial.choices.switchPolicy,
      ...waitCells(trial.waits),
      String(trial.loads),
      String(trial.switches),
      percent(trial.servingShare),
      percent(trial.loadingShare),
      percent(trial.idleShare),
      hours(trial.costMs),
    ]),
  )
}

function waitTable({ byModel }: Trial): string {
  return table(
    ['MODEL', 'REQUESTS', 'P50', 'P95', 'LONGEST'],
    Object.entries(byModel).map(([name, waits]) =>
      [name, String(waits.requests)].concat(waitCells(waits)),
    ),
  )
}

const waitCells = ({ p50Ms, p95Ms, longestMs }: Waits) =>
  [p50Ms, p95Ms, longestMs].map((ms) => inWords(ms))

function suggestionLines({ plan, weights }: Told): string[] {
  const { present, suggested, resized, suggestions } = plan
  const adopted = suggestions.filter(
    ({ why, setting }) => why === 'saves' && setting !== 'backends',
  )
  const { loadingWeight, gpuWeight } = weights
  const lines = [
    `Tried one after the other; an hour of loading counts as ${loadingWeight} h of waiting, an hour of a GPU held for nothing as ${gpuWeight} h.`,
    ...suggestions.map((each) => `- ${sentence(each)}`),
  ]
  if (plan.cutShort) lines.push('Not all was tried in the time: --time-limit 1m allows more.')
  lines.push('')
  if (adopted.length === 0) lines.push('Nothing that was tried is better: keep it as it is.')
  else {
    lines.push('Suggested:', ...adopted.map((each) => `  ${settingLine(each)}`), '')
    lines.push(`With it: ${comparison(suggested, present)}`)
  }
  if (resized) {
    const { backends } = resized.choices
    lines.push(`On ${count(backends, 'backend')} it would be: ${comparison(resized, present)}`)
  }
  return lines
}

function comparison(after: Trial, before: Trial): string {
  const parts = [
    `the longest wait ${change(inWords, before.waits.longestMs, after.waits.longestMs)}`,
    `95 % wait at most ${change(inWords, before.waits.p95Ms, after.waits.p95Ms)}`,
    `loads ${change(String, before.loads, after.loads)}`,
    `GPU held ${change(hours, before.heldMs, after.heldMs)}`,
  ]
  return `${parts.join(', ')}.`
}

function change(show: (value: number) => string, before: number, after: number): string {
  return [...new Set([show(before), show(after)])].join(' → ')
}

function sentence(each: Suggestion): string {
  const name = `${each.setting}${each.model === undefined ? '' : ` of ${each.model}`}`
  const [now, best] = [shown(each, each.present), shown(each, each.best)]
  const { before, after } = each
  const longest = change(inWords, before.longestMs, after.longestMs)
  if (each.why === 'somebody would wait too long') {
    return `${name}: ${now} stays; ${best} would save ${hours(each.savedMs)}, but the longest wait would be ${longest}.`
  }
  if (each.why === 'no better') {
    const apart = each.savedMs < 0 ? `costs ${hours(-each.savedMs)} more` : 'is about the same'
    return `${name}: ${now} stays; the best other one, ${best}, ${apart}.`
  }
  const parts = [
    `waiting and loading ${change(hours, before.costMs, after.costMs)}`,
    `longest wait ${longest}`,
    `switches ${change(String, before.switches, after.switches)}`,
    `GPU held ${change(hours, before.heldMs, after.heldMs)}`,
  ]
  return `${name}: ${best} instead of ${now} (${parts.join(', ')}).`
}

function settingLine(each: Suggestion): string {
  const value = shown(each, each.suggested)
  if (each.model !== undefined)
    return `${each.setting}: ${value}    # in the manifest of ${each.model}`
  return `${each.setting}: ${value}`
}

function shown({ unit }: Suggestion, value: string | number): string {
  return unit === 'ms' ? formatDuration(Number(value)) : String(value)
}

function hours(ms: number): string {
  return ms < 3_600_000 ? `${Math.round(ms / 60_000)} min` : `${(ms / 3_600_000).toFixed(1)} h`
}

function percent(part: number): string {
  return `${(100 * part).toFixed(0)} %`
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
