import type { RequestRecord } from '../proxy/index.ts'
import type { Instruments } from './instruments.ts'
import type { Tally } from './tallied-histogram.ts'
import { admissionOutcomes, methodOf, refusalCodes, statusOf } from './words.ts'

const perSecond = 1_000

/** What is counted of all requests with one method to one route. */
interface Kind {
  readonly method: string
  readonly path: string
  readonly duration: Tally
  readonly bytesIn: Tally
  readonly bytesOut: Tally
  /** By status, since the last scrape. */
  readonly statuses: Map<string, number>
}

/**
 * Counts what is told of each request; runs once per request, after its last byte, so it keeps hold of
 * what it adds to. `tell` hands on what is only counted here.
 */
export function countRequests(into: Instruments) {
  const kinds = new Map<string, Map<string, Kind>>()
  const ownTime = into.vllm_chill_proxy_latency_seconds.series({})
  const [admitted, refused, left] = admissionOutcomes.map((outcome) =>
    into.vllm_chill_admission_wait_seconds.series({ outcome }),
  ) as [Tally, Tally, Tally]
  for (const code of refusalCodes) into.vllm_chill_refusals_total.inc({ code }, 0)
  for (const reason of ['left', 'stalled']) into.vllm_chill_client_aborts_total.inc({ reason }, 0)

  function kindOf(method: string, path: string): Kind {
    let ofPath = kinds.get(path)
    if (!ofPath) kinds.set(path, (ofPath = new Map()))
    let kind = ofPath.get(method)
    if (!kind) {
      const labels = { method, path }
      kind = {
        ...labels,
        duration: into.vllm_chill_request_duration_seconds.series(labels),
        bytesIn: into.vllm_chill_request_payload_bytes.series(labels),
        bytesOut: into.vllm_chill_response_payload_bytes.series(labels),
        statuses: new Map(),
      }
      ofPath.set(method, kind)
    }
    return kind
  }

  function count(record: RequestRecord): void {
    const { code, model, waitedMs, forwardedMs } = record
    const kind = kindOf(methodOf(record.method), record.route)
    const status = statusOf(record.status)
    kind.statuses.set(status, (kind.statuses.get(status) ?? 0) + 1)
    kind.duration.observe(record.durationMs / perSecond)
    kind.bytesIn.observe(record.bytesIn)
    kind.bytesOut.observe(record.bytesOut)
    if (forwardedMs !== undefined) {
      ownTime.observe(Math.max(0, forwardedMs - waitedMs) / perSecond)
    }
    if (code !== undefined) countEnd(code)
    if (model !== undefined) waitOf(record).observe(waitedMs / perSecond)
  }

  function countEnd(code: NonNullable<RequestRecord['code']>): void {
    if (code === 'client_left') into.vllm_chill_client_aborts_total.inc({ reason: 'left' })
    else if (code === 'client_stalled') {
      into.vllm_chill_client_aborts_total.inc({ reason: 'stalled' })
    } else into.vllm_chill_refusals_total.inc({ code })
  }

  function waitOf({ backend, code }: RequestRecord): Tally {
    if (backend !== undefined) return admitted
    return code === 'client_left' ? left : refused
  }

  return {
    count,
    tell(): void {
      for (const ofPath of kinds.values()) {
        for (const { method, path, statuses } of ofPath.values()) {
          for (const [status, count] of statuses) {
            into.vllm_chill_requests_total.inc({ method, path, status }, count)
          }
          statuses.clear()
        }
      }
    },
  }
}
