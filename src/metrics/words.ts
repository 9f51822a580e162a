import type { FailureReason, StartPhase } from '../../machines/index.ts'
import { errorCodes, type ErrorCode } from '../errors/index.ts'

/** The values that labels may have, so that no client and no manifest can add to them. */

export const admissionOutcomes = ['admitted', 'refused', 'left'] as const

export const drainOutcomes = ['done', 'preempted', 'cut', 'called_off'] as const
export type DrainOutcome = (typeof drainOutcomes)[number]

export const coldStartPhases = [
  'resources',
  'scheduling',
  'image',
  'process',
  'loading',
  'first_token',
] as const satisfies readonly (StartPhase | 'first_token')[]

export const failureReasons = [
  'command_not_found',
  'exited',
  'out_of_memory',
  'wrong_model',
  'deadline',
  'resources',
  'image_pull',
  'unschedulable',
  'unknown',
] as const satisfies readonly FailureReason[]

export const refusalCodes = Object.keys(errorCodes) as ErrorCode[]

export const switchReasons = [
  'demand',
  'waited_too_long',
  'waiting_costs_more',
  'order_of_arrival',
  'operator',
  'manifest_changed',
  'replica_lost',
  'other',
] as const
export type SwitchReason = (typeof switchReasons)[number]

/** The charts say why in words for people, behind the model's name; these are how they end. */
const endings: readonly (readonly [RegExp, SwitchReason])[] = [
  [/(^|: )somebody waits for it, nobody for the loaded model$/, 'demand'],
  [/(^|: )somebody has waited maxWait for it$/, 'waited_too_long'],
  [/(^|: )waiting for it has cost as much as the switch$/, 'waiting_costs_more'],
  [/(^|: )it is next in order of arrival$/, 'order_of_arrival'],
  [/(^|: )an operator asked for it$/, 'operator'],
  [/(^|: )its manifest changed( while it was loading)?$/, 'manifest_changed'],
]

export function switchReasonOf(because: string): SwitchReason {
  if (because.startsWith('a replica was lost')) return 'replica_lost'
  return endings.find(([ending]) => ending.test(because))?.[1] ?? 'other'
}

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

export function methodOf(method: string): string {
  return methods.has(method) ? method : 'other'
}

export function statusOf(status: number): string {
  return Number.isInteger(status) && status >= 100 && status <= 599 ? String(status) : 'other'
}
