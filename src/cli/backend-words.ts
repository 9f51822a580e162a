import type { BackendStatus, StartFailureStatus } from '../operations/index.ts'
import { inWords } from './table.ts'

/** `scalingUp, loading 34 s of ~48 s`: what a backend does now. */
export function doing(backend: BackendStatus): string {
  const { state, progress, held } = backend
  const words = [held ? `${state} (held)` : state]
  if (progress) {
    const usual = progress.usualMs === undefined ? '' : ` of ~${inWords(progress.usualMs)}`
    words.push(`${progress.phase} ${inWords(progress.elapsedMs)}${usual}`)
    if (progress.detail !== undefined) words.push(progress.detail)
  }
  return words.join(', ')
}

/** The reason in full, with the last lines the backend wrote. */
export function failureLines(failure: StartFailureStatus): string[] {
  const { model, reason, message, log, attempts, at, retryInMs } = failure
  const times = attempts === 1 ? 'failed to start' : `failed to start ${attempts} times in a row`
  const retry =
    retryInMs > 0 ? `tried again in ${inWords(retryInMs)} at the earliest` : 'tried again on demand'
  return [
    `${model} ${times} (${reason}): ${message}`,
    `  last at ${at}; ${retry}`,
    ...log.map((line) => `  | ${line}`),
  ]
}

/** Who keeps a drain waiting. */
export function blockingLines({ name, blocking }: BackendStatus): string[] {
  return blocking.map(
    ({ id, path, model, sinceMs }) =>
      `${name} waits for request ${id} (${path}, ${model}), running for ${inWords(sinceMs)}`,
  )
}
