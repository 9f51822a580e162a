import type { BackendFact } from '../../machines/index.ts'
import {
  failureStatus,
  type Lease,
  type PhaseReached,
  type Transition,
} from '../admission/index.ts'
import type { RequestRecord } from '../proxy/index.ts'
import type {
  AdmittedEvent,
  FactEvent,
  FinishedEvent,
  ProgressEvent,
  RefusedEvent,
  TransitionEvent,
} from './types.ts'

export function transitionEvent(transition: Transition): TransitionEvent {
  const { backend, from, to, event, edge, because, model, target, afterMs } = transition
  return {
    type: 'transition',
    backend,
    from,
    to,
    event,
    ...(edge?.guard !== undefined && { guard: edge.guard }),
    because,
    ...(model !== undefined && { model }),
    ...(target !== undefined && { target }),
    afterMs,
    ...(edge && { edge }),
  }
}

export function progressEvent({
  backend,
  model,
  phase,
  detail,
  ...times
}: PhaseReached): ProgressEvent {
  const { elapsedMs, usualMs } = times
  return {
    type: 'progress',
    backend,
    model,
    phase,
    ...(detail !== undefined && { detail }),
    elapsedMs,
    ...(usualMs !== undefined && { usualMs }),
  }
}

export function factEvent(fact: BackendFact, now: number): FactEvent {
  if (fact.type === 'ready') {
    return { type: 'fact', fact: { ...fact, loadMs: Math.round(fact.loadMs) } }
  }
  if (fact.type !== 'start failed') return { type: 'fact', fact }
  const { type, backend, failure } = fact
  return { type: 'fact', fact: { type, backend, failure: failureStatus(failure, now) } }
}

export function admittedEvent({ request, backend, waitedMs }: Lease): AdmittedEvent {
  const { id, model, path } = request
  return { type: 'admitted', id, model, path, backend, waitedMs: Math.round(waitedMs) }
}

export function endOfRequest(record: RequestRecord): RefusedEvent | FinishedEvent {
  const { id, model, backend, route: path, code, status } = record
  const waitedMs = Math.round(record.waitedMs)
  const named = model === undefined ? undefined : { model }
  const left = code === 'client_left' || code === 'client_stalled'
  if (backend === undefined && code !== undefined && !left) {
    return { type: 'refused', id, ...named, path, code, status, waitedMs }
  }
  return {
    type: 'finished',
    id,
    ...named,
    ...(backend !== undefined && { backend }),
    path,
    status,
    waitedMs,
    durationMs: Math.round(record.durationMs),
    responseBytes: record.bytesOut,
    ...(code !== undefined && { code }),
  }
}
