import { randomUUID } from 'node:crypto'

/** The client's own `X-Request-Id` where it can safely be logged and echoed, else a new one. */
export function requestIdOf(given: string | readonly string[] | null | undefined): string {
  return typeof given === 'string' && /^[\x21-\x7e]{1,200}$/.test(given) ? given : randomUUID()
}
