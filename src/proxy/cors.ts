import type { IncomingMessage } from 'node:http'

const exposed = 'x-request-id, x-vllm-chill-waited-ms, retry-after'
const none: readonly string[] = []

/** Decides which pages of other origins may read answers; headers as name, value, name, value…. */
export interface Cors {
  /** For an answer to a request with this `Origin`. */
  headers(origin: string | undefined): readonly string[]
  /** For an answer to a preflight. */
  preflight(request: IncomingMessage): readonly string[]
}

export function createCors(origins: readonly string[]): Cors {
  const everybody = origins.includes('*')
  const allowed = new Set(origins)
  // What is answered depends on the asker, and caches must know it, also when the answer is no.
  const varies = allowed.size > 0 && !everybody ? ['vary', 'origin'] : none

  function headers(origin: string | undefined): readonly string[] {
    if (origin === undefined || !(everybody || allowed.has(origin))) return varies
    return [
      'access-control-allow-origin',
      everybody ? '*' : origin,
      'access-control-expose-headers',
      exposed,
      ...varies,
    ]
  }

  return {
    headers,
    preflight(request) {
      const answer = headers(request.headers.origin)
      if (answer === none || answer === varies) return answer
      const wanted = request.headers['access-control-request-headers']
      return [
        ...answer,
        'access-control-allow-methods',
        'GET, POST, DELETE',
        'access-control-allow-headers',
        wanted ?? 'authorization, content-type, x-api-key',
        'access-control-max-age',
        '600',
      ]
    },
  }
}
