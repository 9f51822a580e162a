import { isDeepStrictEqual } from 'node:util'
import { statusSchema, type ModelCondition, type ModelStatus } from '../../../catalogue/index.ts'
import type { VllmModelObject } from '../api/index.ts'
import type { Finding, ModelReport } from './types.ts'

/** A use that is no news: between two writes of nothing but `lastUsed`. */
const lastUsedStepMs = 60_000

/** A merge patch: null takes a field away. */
export type StatusPatch = { [Field in keyof ModelStatus]: ModelStatus[Field] | null }

/**
 * What must be written so that the object says what is reported; undefined when it does already.
 * Conditions of others stay, and a condition keeps its time while it stays true or false.
 */
export function statusPatch(
  report: ModelReport,
  object: VllmModelObject,
  now: Date,
): StatusPatch | undefined {
  const live = readStatus(object.status)
  const { generation } = object.metadata
  const wanted: StatusPatch = {
    phase: report.phase,
    message: report.message,
    backend: report.backend ?? null,
    observedGeneration: generation ?? null,
    conditions: conditionsOf(report, live, generation, now),
    lastUsed: laterOf(report.lastUsed, live.lastUsed),
    lastLoadSeconds: report.lastLoadSeconds ?? live.lastLoadSeconds ?? null,
  }
  const changed = Object.entries(wanted).filter(([field, value]) => {
    const found = live[field as keyof ModelStatus] ?? null
    return !isDeepStrictEqual(found, value)
  })
  if (changed.every((change) => isNoNews(change, live))) return undefined
  return { ...Object.fromEntries(changed), lastUpdated: written(now) }
}

/** What others have written there is of no use, whatever it is. */
function readStatus(status: unknown): ModelStatus {
  const result = statusSchema.safeParse(status ?? {})
  return result.success ? result.data : {}
}

function conditionsOf(
  report: ModelReport,
  live: ModelStatus,
  observedGeneration: number | undefined,
  now: Date,
): ModelCondition[] {
  const before = live.conditions ?? []
  const own = { Ready: report.ready, Loading: report.loading, Failed: report.failed }
  const written = Object.entries(own).map(([type, finding]) =>
    conditionOf(type, finding, before, observedGeneration, now),
  )
  return [...written, ...before.filter(({ type }) => !Object.hasOwn(own, type))]
}

function conditionOf(
  type: string,
  { holds, reason, message }: Finding,
  before: readonly ModelCondition[],
  observedGeneration: number | undefined,
  now: Date,
): ModelCondition {
  const status = holds ? 'True' : 'False'
  const known = before.find((condition) => condition.type === type)
  return {
    type,
    status,
    reason,
    message,
    lastTransitionTime: known?.status === status ? known.lastTransitionTime : written(now),
    ...(observedGeneration !== undefined && { observedGeneration }),
  }
}

/** Another program may have seen a later use than this one. */
function laterOf(reported: Date | undefined, live: string | undefined): string | null {
  if (reported === undefined) return live ?? null
  const isOlder = live !== undefined && Date.parse(live) >= reported.getTime()
  return isOlder ? live : written(reported)
}

function isNoNews([field, value]: [string, unknown], { lastUsed }: ModelStatus): boolean {
  return (
    field === 'lastUsed' &&
    lastUsed !== undefined &&
    Date.parse(value as string) - Date.parse(lastUsed) < lastUsedStepMs
  )
}

/** Whole seconds, as all times of Kubernetes. */
export function written(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z')
}
