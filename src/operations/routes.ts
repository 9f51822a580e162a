import { randomUUID } from 'node:crypto'
import type { H3, H3Event } from 'h3'
import { ChillError } from '../errors/index.ts'
import { mayChange, mayRead, type AccessRules, type Caller } from './access.ts'
import {
  availableAnswer,
  modelsAnswer,
  runningAnswer,
  statsAnswer,
  statusAnswer,
  type Sources,
} from './answers.ts'
import { start, stop, switchModel, type Operated } from './commands.ts'

export interface OperationsOptions extends Sources, Operated, AccessRules {}

type Answer = (event: H3Event, options: OperationsOptions) => unknown

/** What only tells. Open to everybody unless a token is set. */
const reads: Record<string, Answer> = {
  '/proxy/status': (_, options) => statusAnswer(options),
  '/proxy/models': (_, options) => modelsAnswer(options),
  '/proxy/models/available': (_, options) => availableAnswer(options),
  '/proxy/models/running': (_, options) => runningAnswer(options),
  '/proxy/stats': (_, options) => statsAnswer(options),
  '/proxy/version': (_, { version }) => ({ name: 'vllm-chill', version, node: process.version }),
}

/** What changes something; answered at once with 202 while the work goes on. */
const changes: Record<string, Answer> = {
  '/proxy/models/switch': (event, options) => switchModel(event.req, options),
  '/proxy/operations/start': (event, options) => start(event.req, options),
  '/proxy/operations/stop': (event, options) => stop(event.req, options),
}

/**
 * The operators' API: everything below `/proxy`. It answers its own refusals, in the shape of every
 * other error; what is not a `ChillError` is left to the app's `onError`.
 */
export function mountOperations(app: H3, options: OperationsOptions): void {
  for (const [path, answer] of Object.entries(reads)) {
    app.get(path, (event) =>
      answered(event, 200, () => {
        mayRead(callerOf(event), options)
        return answer(event, options)
      }),
    )
  }
  for (const [path, answer] of Object.entries(changes)) {
    app.post(path, (event) =>
      answered(event, 202, () => {
        mayChange(callerOf(event), options)
        return answer(event, options)
      }),
    )
  }
  for (const path of ['/proxy', '/proxy/**']) {
    app.all(path, (event) =>
      answered(event, 404, (headers) => {
        mayRead(callerOf(event), options)
        throw nothingThere(event, headers)
      }),
    )
  }
}

async function answered(
  event: H3Event,
  status: number,
  answer: (headers: Headers) => unknown,
): Promise<Response> {
  const headers = new Headers({
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    // The proxy may have given this request its id already.
    'x-request-id': event.res.headers.get('x-request-id') ?? randomUUID(),
  })
  try {
    const body = await answer(headers)
    return new Response(JSON.stringify(body), { status, headers })
  } catch (error) {
    if (!(error instanceof ChillError)) throw error
    if (error.retryAfterS !== undefined) headers.set('retry-after', String(error.retryAfterS))
    return new Response(JSON.stringify(error), { status: error.status, headers })
  }
}

function callerOf(event: H3Event): Caller {
  return {
    address: event.runtime?.node?.req.socket.remoteAddress,
    headers: event.req.headers,
  }
}

function nothingThere(event: H3Event, headers: Headers): ChillError {
  const { pathname } = event.url
  const allowed = pathname in reads ? 'GET' : pathname in changes ? 'POST' : undefined
  if (allowed !== undefined) {
    headers.set('allow', allowed)
    return new ChillError(
      'method_not_allowed',
      `${pathname} takes ${allowed}, not ${event.req.method}.`,
    )
  }
  return new ChillError(
    'not_found',
    `Nothing is at ${pathname}. There is GET ${Object.keys(reads).join(', ')} and POST ${Object.keys(changes).join(', ')}.`,
  )
}
