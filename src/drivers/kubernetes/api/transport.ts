import { setTimeout as delay } from 'node:timers/promises'
import { request, type Dispatcher } from 'undici'
import type { KubeConfig } from '@kubernetes/client-node'
import type { Connection } from './connection.ts'
import { credentialsOf, type Credentials } from './credentials.ts'
import { ApiFault, faultOf, isDistrusted, unreachable, withoutCredentials } from './fault.ts'

const firstRetryMs = 200
const longestRetryMs = 5_000

export interface Outgoing {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly body?: unknown
  readonly contentType?: string
  readonly signal?: AbortSignal | undefined
  /** What is being done, for messages: `create Lease ai/vllm-chill`. */
  readonly what: string
  /** How long it is tried again while the API server is in trouble, ms; 0: once. */
  readonly budgetMs: number
  /** For one try, ms. */
  readonly timeoutMs: number
}

export interface Transport {
  readonly server: string
  /** The whole answer of a success. @throws ApiFault; or the signal's reason */
  text(outgoing: Outgoing): Promise<string>
  /** The answer's body as it comes; only the time to its first line is bounded. */
  open(outgoing: Outgoing): Promise<Dispatcher.ResponseData>
}

export function createTransport(connection: Connection): Transport {
  const { server } = connection
  const base = server.replace(/\/$/, '')

  async function send(
    outgoing: Outgoing,
    config: KubeConfig,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    const url = new URL(base + outgoing.path)
    for (const [key, value] of Object.entries(outgoing.query ?? {})) {
      if (value !== undefined) url.searchParams.set(key, String(value))
    }
    let credentials: Credentials
    try {
      credentials = await credentialsOf(config, server, signal)
    } catch (error) {
      throw withoutCredentials(outgoing.what, error)
    }
    const { headers, dispatcher } = credentials
    try {
      return await request(url, {
        method: outgoing.method,
        headers: {
          accept: 'application/json',
          'user-agent': 'vllm-chill',
          ...headers,
          ...(outgoing.body !== undefined && {
            'content-type': outgoing.contentType ?? 'application/json',
          }),
        },
        ...(outgoing.body !== undefined && { body: JSON.stringify(outgoing.body) }),
        ...(dispatcher && { dispatcher }),
        signal,
        headersTimeout: 0,
        bodyTimeout: 0,
      })
    } catch (error) {
      throw unreachable(outgoing.what, server, error)
    }
  }

  async function checked(
    outgoing: Outgoing,
    answer: Dispatcher.ResponseData,
  ): Promise<Dispatcher.ResponseData> {
    const { statusCode, headers, body } = answer
    if (statusCode >= 200 && statusCode < 300) return answer
    const retryAfter = headers['retry-after']
    const text = await body.text().catch(() => '')
    throw faultOf(outgoing.what, statusCode, text, String(retryAfter ?? '') || undefined)
  }

  async function once<T>(
    outgoing: Outgoing,
    signal: AbortSignal,
    read: (answer: Dispatcher.ResponseData) => Promise<T>,
  ): Promise<T> {
    const { config } = connection
    try {
      return await read(await checked(outgoing, await send(outgoing, config, signal)))
    } catch (error) {
      if (!isRefusedAsStale(error)) throw error
      // A token or certificate that was exchanged is read anew.
      connection.renew(config)
      if (connection.config === config) throw error
      return await read(await checked(outgoing, await send(outgoing, connection.config, signal)))
    }
  }

  async function text(outgoing: Outgoing): Promise<string> {
    const begun = performance.now()
    for (let attempt = 1; ; attempt++) {
      outgoing.signal?.throwIfAborted()
      const late = AbortSignal.timeout(outgoing.timeoutMs)
      const signal = outgoing.signal ? AbortSignal.any([outgoing.signal, late]) : late
      try {
        return await once(outgoing, signal, async ({ body }) => {
          try {
            return await body.text()
          } catch (error) {
            throw unreachable(outgoing.what, server, error)
          }
        })
      } catch (error) {
        outgoing.signal?.throwIfAborted()
        if (!(error instanceof ApiFault) || !error.isPassing) throw error
        if (isDistrusted(error.cause)) throw error
        const pauseMs = Math.max(error.retryAfterMs ?? 0, backoffMs(attempt))
        if (performance.now() - begun + pauseMs > outgoing.budgetMs) throw error
        await delay(pauseMs, undefined, outgoing.signal ? { signal: outgoing.signal } : {}).catch(
          () => outgoing.signal?.throwIfAborted(),
        )
      }
    }
  }

  return {
    server,
    text,
    async open(outgoing) {
      const late = new AbortController()
      const timer = setTimeout(() => late.abort(new Error('no answer in time')), outgoing.timeoutMs)
      const signal = outgoing.signal ? AbortSignal.any([outgoing.signal, late.signal]) : late.signal
      try {
        return await once(outgoing, signal, (answer) => Promise.resolve(answer))
      } finally {
        clearTimeout(timer)
      }
    },
  }
}

function isRefusedAsStale(error: unknown): boolean {
  return error instanceof ApiFault && (error.code === 401 || isDistrusted(error.cause))
}

/** Doubling, with jitter: many programs whose API server comes back do not come all at once. */
export function backoffMs(attempt: number): number {
  const longest = Math.min(firstRetryMs * 2 ** (attempt - 1), longestRetryMs)
  return longest * (0.5 + Math.random() / 2)
}
