import { ChillError } from '../errors/index.ts'

/** What is not a refusal of ours is a defect: told to the log, not to the client. */
export function asChillError(
  error: unknown,
  requestId: string,
  log: { error(fields: object, message: string): void },
): ChillError {
  if (error instanceof ChillError) return error
  log.error({ requestId, err: error }, 'a request failed in an unexpected way')
  return new ChillError(
    'internal_error',
    `an unexpected error; the log has more under the request id ${requestId}`,
  )
}
