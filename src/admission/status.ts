import {
  isKeptWarm,
  type BackendContext,
  type BackendDefinition,
  type RememberedFailure,
} from '../../machines/index.ts'
import { stateName, type BackendActor } from './backends.ts'
import type { Clock } from './clock.ts'
import type { Gate } from './gate.ts'
import type { GpuWait } from './gpu-wait.ts'

/** What operators see of one backend; plain data, without anything secret. */
export function statusOf(
  definition: BackendDefinition,
  gate: Gate,
  actor: BackendActor | undefined,
  since: number | undefined,
  clock: Clock,
  gpuWait: GpuWait | undefined,
) {
  const now = clock.now()
  const snapshot = actor?.getSnapshot()
  const context = snapshot?.context
  const state = snapshot ? stateName(snapshot.value) : 'observing'
  const draining = state.endsWith('draining')
  return {
    name: definition.name,
    state,
    ...(context?.model && { model: context.model.name, revision: context.model.revision }),
    ...(context?.target !== undefined && { target: context.target }),
    ...(definition.models && { models: [...definition.models] }),
    ...(definition.pool?.name && { pool: { ...definition.pool } }),
    generation: context?.generation ?? 0,
    held: context?.held ?? false,
    ...(context?.leads === false && { leads: false }),
    because: reasonOf(context, state),
    since: isoTime(since ?? now),
    endpoints: gate.endpoints,
    leases: gate.leaseCount,
    waiting: gate.waiting().map(({ model, count, bytes, oldestAt }) => ({
      model,
      count,
      bytes,
      oldestMs: Math.round(now - oldestAt),
    })),
    blocking: draining
      ? gate.leases.map(({ request }) => ({
          id: request.id,
          path: request.path,
          model: request.model,
          sinceMs: Math.round(now - request.arrivedAt),
        }))
      : [],
    ...(context?.model &&
      (state === 'creatingResources' || state === 'scalingUp') && {
        progress: {
          phase: context.phase ?? 'resources',
          ...(context.phaseDetail !== undefined && { detail: context.phaseDetail }),
          elapsedMs: Math.round(now - context.startedAt),
          ...(context.costs[context.model.name] !== undefined && {
            usualMs: Math.round(context.costs[context.model.name]!),
          }),
        },
      }),
    ...(gpuWait && {
      progress: {
        phase: 'gpus',
        detail: gpuWait.detail,
        elapsedMs: Math.round(now - gpuWait.since),
      },
    }),
    failures: [
      ...Object.values(context?.refusals ?? {}),
      ...Object.values(context?.failures ?? {}),
    ].map((failure) => failureStatus(failure, now)),
  }
}

/** A failed start with times that people read. */
export function failureStatus(failure: RememberedFailure, now: number) {
  return {
    model: failure.model,
    reason: failure.reason,
    message: failure.message,
    log: [...(failure.log ?? [])],
    attempts: failure.attempts,
    at: isoTime(failure.at),
    retryInMs: Math.max(0, Math.round(failure.retryAt - now)),
  }
}

/** Why it is as it is; of one that is up without work, why it stays. */
function reasonOf(context: BackendContext | undefined, state: string): string {
  if (!context) return 'the program looks at what is there'
  if (state === 'ready.quiet' && context.warm && isKeptWarm(context)) return context.warm.because
  return context.because
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}
