import type { RememberedFailure } from '../../machines/index.ts'
import { ChillError } from '../errors/index.ts'

/** The load that is expected of a model never loaded here, for `Retry-After`; measured ones replace it. */
const presumedLoadMs = 60_000

/** Seconds until a model should be ready: its usual load less what has passed, at least 1. */
export function retryAfterS(usualMs: number | undefined, elapsedMs: number): number {
  return Math.max(1, Math.ceil(((usualMs ?? presumedLoadMs) - elapsedMs) / 1_000))
}

export function modelFailed(failure: RememberedFailure, now: number): ChillError {
  const log = failure.log?.length ? `\nLast log lines:\n${failure.log.slice(-20).join('\n')}` : ''
  return new ChillError(
    'model_failed',
    `model ${failure.model} could not be started (${failure.reason}): ${failure.message}${log}`,
    { retryAfterS: Math.max(1, Math.ceil((failure.retryAt - now) / 1_000)), shouldRetry: false },
  )
}

export function modelLoading(model: string, why: string, seconds: number): ChillError {
  return new ChillError('model_loading', `model ${model} is not ready yet: ${why}`, {
    retryAfterS: seconds,
  })
}

export function modelGone(model: string): ChillError {
  return new ChillError('model_not_found', `model ${model} was removed while the request waited`)
}

export function noBackendMayServe(model: string): ChillError {
  return new ChillError(
    'model_not_found',
    `model ${model} is known, but no backend may serve it; add it to the \`models\` of a backend, or turn model switching on`,
  )
}

export function modelPinned(model: string, pinned: readonly string[]): ChillError {
  return new ChillError(
    'model_pinned',
    `model ${model} cannot be loaded while ${pinned.join(', ')} ${pinned.length > 1 ? 'are' : 'is'} pinned and loaded; \`vllm-chill unpin\` takes the pin off`,
    { shouldRetry: false },
  )
}

export function backendHeld(model: string): ChillError {
  return new ChillError(
    'backend_held',
    `an operator stopped the backend of model ${model} and told it to stay down; \`vllm-chill start\` brings it back`,
    { shouldRetry: false },
  )
}

export function noRoom(model: string): ChillError {
  return new ChillError(
    'queue_full',
    `every place at model ${model} is taken (maxInFlight), and holding requests is turned off`,
    { retryAfterS: 1 },
  )
}

export function cancelled(): ChillError {
  return new ChillError('cancelled', 'an operator cancelled the request', { shouldRetry: false })
}

export function chartsFailed(): ChillError {
  return new ChillError(
    'internal_error',
    'because of a defect, which the log tells, no model can be started any more; restart vllm-chill',
  )
}

export function shuttingDown(): ChillError {
  return new ChillError('shutting_down', 'vllm-chill is stopping; try again in a moment', {
    retryAfterS: 5,
  })
}

export function queueFull(what: string, seconds: number): ChillError {
  return new ChillError('queue_full', `too much is waiting already: ${what}`, {
    retryAfterS: seconds,
  })
}
