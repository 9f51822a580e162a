import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** The client's own `X-Request-Id` where it can safely be logged and echoed, else a new one. */
export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && /^[\x21-\x7e]{1,200}$/.test(given) ? given : randomUUID()
}
