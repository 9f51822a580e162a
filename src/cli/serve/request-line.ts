import type { RequestRecord } from '../../proxy/index.ts'
import { logHarmless, type Log } from '../../telemetry/index.ts'

/**
 * The log's line for a request. It is written for each, so it goes past the censor: all that is in it is
 * numbers, our own words, names of manifests, and the client's request id, which has been looked at.
 */
export function logRequest(log: Log, record: RequestRecord): void {
  if (log.isLevelEnabled('info')) logHarmless(log, fieldsOf(record), inWords(record))
}

function fieldsOf(record: RequestRecord): string {
  const { model, backend, code, forwardedMs, firstByteMs, usage, traceId } = record
  let fields = `"id":${JSON.stringify(record.id)},"method":${JSON.stringify(record.method)},"route":"${record.route}"`
  if (model !== undefined) fields += `,"model":${JSON.stringify(model)}`
  if (backend !== undefined) fields += `,"backend":${JSON.stringify(backend)}`
  fields += `,"status":${record.status}`
  if (code !== undefined) fields += `,"code":"${code}"`
  fields += `,"stream":${record.stream},"waitedMs":${tenths(record.waitedMs)}`
  if (forwardedMs !== undefined) fields += `,"forwardedMs":${tenths(forwardedMs)}`
  if (firstByteMs !== undefined) fields += `,"firstByteMs":${tenths(firstByteMs)}`
  fields += `,"durationMs":${tenths(record.durationMs)},"bytesIn":${record.bytesIn},"bytesOut":${record.bytesOut}`
  if (usage?.promptTokens !== undefined) fields += `,"promptTokens":${usage.promptTokens}`
  if (usage?.cachedTokens !== undefined) fields += `,"cachedTokens":${usage.cachedTokens}`
  if (usage?.completionTokens !== undefined)
    fields += `,"completionTokens":${usage.completionTokens}`
  if (traceId !== undefined) fields += `,"traceId":"${traceId}"`
  return fields
}

function inWords({ method, route, model, status, code, durationMs, waitedMs }: RequestRecord) {
  const of = model === undefined ? '' : ` ${model}`
  const why = code === undefined ? '' : ` ${code}`
  const waited = waitedMs > 0 ? `, ${Math.round(waitedMs)} of them waiting` : ''
  return `${method} ${route}${of} ${status}${why} in ${Math.round(durationMs)} ms${waited}`
}

const tenths = (ms: number): number => Math.round(ms * 10) / 10
