import type { IncomingMessage, ServerResponse } from 'node:http'
import { ChillError } from '../errors/index.ts'
import { asChillError, requestIdOf } from '../telemetry/index.ts'
import { Answer } from './answer.ts'
import type { ProxyContext } from './context.ts'
import { discardRest } from './request-body.ts'
import { apiOf } from './routes.ts'
import type { RequestRecord } from './types.ts'

/** What is answered without a backend. */
export interface Local {
  /** What the log calls it; undefined for probes, which would only fill it. */
  readonly pattern: string | undefined
  readonly pathname: string
  /** Whether a client key is asked for. */
  readonly open?: boolean
  /** Methods it is for, where the path itself is known. */
  readonly methods?: readonly string[]
  /** Returns what is sent as JSON; what it throws is sent as an error. */
  readonly produce: () => { status: number; body: object }
}

export function answerLocally(
  context: ProxyContext,
  local: Local,
  req: IncomingMessage,
  res: ServerResponse,
): void {
  const startedAt = performance.now()
  const id = requestIdOf(req.headers['x-request-id'])
  const trace =
    local.pattern === undefined
      ? undefined
      : context.tracer?.request({
          method: req.method as string,
          route: local.pattern,
          path: local.pathname,
          headers: req.headers,
        })
  const answer = new Answer(
    res,
    id,
    context.cors.headers(req.headers.origin),
    apiOf(local.pathname),
  )
  try {
    const allowed = local.methods
    if (allowed && !allowed.includes(req.method as string)) {
      const list = allowed.join(', ')
      answer.refuse(new ChillError('method_not_allowed', `${local.pathname} takes ${list}`), [
        'allow',
        list,
      ])
    } else {
      if (!local.open) context.checkKey(req.headers)
      const { status, body } = local.produce()
      const text = Buffer.from(JSON.stringify(body))
      answer.head(status, '', [
        'content-type',
        'application/json',
        'content-length',
        String(text.length),
      ])
      answer.data(text)
      answer.end([])
    }
  } catch (error) {
    answer.refuse(asChillError(error, id, context.log))
  }
  discardRest(req, context.settings.bodyLimit)
  if (local.pattern === undefined) return
  const route = local.pattern
  res.on('close', () => {
    const record: RequestRecord = {
      id,
      method: req.method as string,
      route,
      model: undefined,
      backend: undefined,
      status: answer.status,
      code: answer.code,
      stream: false,
      waitedMs: 0,
      forwardedMs: undefined,
      firstByteMs: undefined,
      durationMs: performance.now() - startedAt,
      bytesIn: 0,
      bytesOut: answer.bytes,
      usage: undefined,
      traceId: trace?.traceId,
    }
    trace?.ended(record)
    context.onRequest(record)
  })
}
