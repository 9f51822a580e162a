import { Agent, request } from 'undici'
import { z } from 'zod'

/** What a backend that may still be loading answers. */
export type ProbeAnswer =
  | { readonly is: 'not ready' }
  /** It serves, and these names. */
  | { readonly is: 'serving'; readonly names: readonly string[] }
  /** It serves, and does not tell us what: it wants another key. */
  | { readonly is: 'locked'; readonly status: number }

export interface ProbeRequest {
  readonly url: string
  readonly apiKey: string | undefined
  readonly signal: AbortSignal
  /** For the whole probe, ms. */
  readonly timeoutMs: number
}

const modelList = z.object({ data: z.array(z.object({ id: z.string() })).min(1) })

/** A connection of its own for each: a kept one might be to a process that was there before. */
export function probeAgent(): Agent {
  return new Agent({ pipelining: 0, maxResponseSize: 8 * 1024 * 1024 })
}

/** Asks `/health`, then `/v1/models`; rejects only when the signal aborts. */
export async function probe(agent: Agent, asked: ProbeRequest): Promise<ProbeAnswer> {
  const signal = AbortSignal.any([asked.signal, AbortSignal.timeout(asked.timeoutMs)])
  const headers = keyHeader(asked.apiKey)
  const get = (path: string) =>
    request(asked.url + path, { dispatcher: agent, headers, signal, headersTimeout: 0 })
  try {
    const health = await get('/health')
    await health.body.dump()
    if (health.statusCode !== 200) return { is: 'not ready' }
    const models = await get('/v1/models')
    const { statusCode } = models
    if (statusCode !== 200) await models.body.dump()
    if (statusCode === 401 || statusCode === 403) return { is: 'locked', status: statusCode }
    if (statusCode !== 200) return { is: 'not ready' }
    const { data } = modelList.parse(await models.body.json())
    return { is: 'serving', names: data.map(({ id }) => id) }
  } catch {
    asked.signal.throwIfAborted()
    return { is: 'not ready' }
  }
}

export function keyHeader(apiKey: string | undefined): Record<string, string> {
  return apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }
}
