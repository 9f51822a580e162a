import type { ChillError } from '../errors/index.ts'
import type { Api } from './routes.ts'

/**
 * Body of an error answer. It has OpenAI's shape on every path; below `/v1/messages` the `type` that
 * Anthropic's SDK looks for stands beside it, and neither SDK minds the other's fields.
 */
export function errorBody(error: ChillError, api: Api): string {
  return JSON.stringify(api === 'messages' ? { type: 'error', ...error.toJSON() } : error)
}

/** Headers of an error answer but for its length and the request's own: name, value, name, value…. */
export function errorHeaders(error: ChillError): string[] {
  const headers = ['content-type', 'application/json']
  if (error.retryAfterS !== undefined)
    headers.push('retry-after', String(Math.max(1, Math.ceil(error.retryAfterS))))
  if (error.shouldRetry !== undefined) headers.push('x-should-retry', String(error.shouldRetry))
  if (error.code === 'invalid_api_key') headers.push('www-authenticate', 'Bearer')
  return headers
}

/** The error as the last event of a stream, in the shape of the API asked. */
export function errorEvent(error: object, api: Api): string {
  if (api === 'openai') return `data: ${JSON.stringify(error)}\n\n`
  const body = { ...('toJSON' in error ? (error as ChillError).toJSON() : error), type: 'error' }
  return `event: error\ndata: ${JSON.stringify(body)}\n\n`
}
