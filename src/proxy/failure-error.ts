import { ChillError, type ErrorCode } from '../errors/index.ts'
import type { ForwardFailure } from './forwarder.ts'

/** What the client is told of a failure; `answered` says whether it has a part of an answer already. */
export function failureError(
  failure: ForwardFailure,
  answered: boolean,
  backend: string | undefined,
): ChillError {
  const { error, during, timedOut } = failure
  const name = backend === undefined ? 'the backend' : `backend ${backend}`
  const cause = (error as { code?: string }).code ?? error.name
  if (timedOut)
    return new ChillError('backend_timeout', `${name} sent no answer within \`backendTimeout\``, {
      cause: error,
    })
  if (answered || during === 'answering') {
    return new ChillError('backend_died', `${name} broke off its answer (${cause})`, {
      cause: error,
    })
  }
  const what =
    during === 'connecting' ? 'could not be reached' : 'closed the connection before it answered'
  return new ChillError('backend_unreachable', `${name} ${what} (${cause})`, { cause: error })
}

/** Who was cut on purpose may try again at once; who was cancelled was not meant to. */
export function cutError(message: string, code: ErrorCode = 'backend_died'): ChillError {
  return new ChillError(code, message, code === 'cancelled' ? { shouldRetry: false } : {})
}
