import { H3, type H3Event } from 'h3'
import { ChillError } from '../errors/index.ts'
import { asChillError, requestIdOf } from '../telemetry/index.ts'
import { mayChange, mayRead, type AccessRules, type Caller } from './access.ts'
import {
  availableAnswer,
  modelsAnswer,
  runningAnswer,
  statsAnswer,
  statusAnswer,
  type Sources,
} from './answers.ts'
import { backendLog } from './backend-log.ts'
import { chartAnswers } from './charts.ts'
import { cancel, pin, start, stop, switchModel, type Operated } from './commands.ts'
import { engineMetrics } from './engine-metrics.ts'
import { eventStream } from './event-stream.ts'
import { historyAnswer } from './history.ts'
import { manifestAnswer } from './manifest.ts'
import { mostListed, wholeNumber } from './parameters.ts'
import type { EventsView, HistoryView, MetricsView } from './types.ts'

export interface OperationsOptions extends Sources, Operated, AccessRules {
  readonly metrics: MetricsView
  readonly events: EventsView
  readonly history: HistoryView
  /** Whether `/metrics` has the program's own metrics too; otherwise it leads to a backend that is ready. */
  readonly enableMetrics: boolean
}

/** What is sent as JSON, or a whole response. */
type Answer = (event: H3Event, options: OperationsOptions) => unknown

/** What only tells. Open to everybody unless a token is set. */
const reads: Record<string, Answer> = {
  '/proxy/status': (_, options) => statusAnswer(options),
  '/proxy/models': (_, options) => modelsAnswer(options),
  '/proxy/models/available': (_, options) => availableAnswer(options),
  '/proxy/models/running': (_, options) => runningAnswer(options),
  '/proxy/models/manifest': ({ url }, { catalogue }) => manifestAnswer(url, catalogue),
  '/proxy/requests': ({ url }, { fleet }) =>
    fleet.requests(wholeNumber(url.searchParams, 'limit') ?? mostListed),
  '/proxy/backends/logs': ({ url }, { fleet }) => backendLog(url, fleet),
  '/proxy/history': ({ url }, { history }) => historyAnswer(url, history),
  '/proxy/stats': (_, options) => statsAnswer(options),
  '/proxy/events': (event, { events }) => eventStream(event.req, events),
  '/proxy/metrics': ownMetrics,
  '/metrics': (event, options) =>
    options.enableMetrics ? ownMetrics(event, options) : engineMetrics(options.fleet, event.url),
  '/proxy/version': (_, { version }) => ({ name: 'vllm-chill', version, node: process.version }),
  '/proxy/charts': () => ({ charts: Object.keys(chartAnswers) }),
  ...chartAnswers,
}

/** What changes something; answered at once with 202 while the work goes on. */
const changes: Record<string, Answer> = {
  '/proxy/models/switch': (event, options) => switchModel(event.req, options),
  '/proxy/models/pin': (event, options) => pin(event.req, options),
  '/proxy/requests/cancel': (event, options) => cancel(event.req, options),
  '/proxy/operations/start': (event, options) => start(event.req, options),
  '/proxy/operations/stop': (event, options) => stop(event.req, options),
}

/** The operators' API on a port of its own, where nothing else is. */
export function createOperationsApp(options: OperationsOptions): H3 {
  const app = new H3({
    silent: true,
    // h3's own refusals, such as of a path that is not valid percent-encoding.
    onError: (error, event) =>
      answered(event, options, 400, () => {
        throw error.status < 500 ? new ChillError('bad_request', error.message) : error
      }),
  })
  mountOperations(app, options)
  mountNothing(app, '/**', options)
  return app
}

/** The operators' API: everything below `/proxy`. It answers its own errors, in the shape of all others. */
export function mountOperations(app: H3, options: OperationsOptions): void {
  for (const [path, answer] of Object.entries(reads)) {
    app.get(path, (event) =>
      answered(event, options, 200, () => {
        mayRead(callerOf(event), options)
        return answer(event, options)
      }),
    )
  }
  for (const [path, answer] of Object.entries(changes)) {
    app.post(path, (event) =>
      answered(event, options, 202, () => {
        mayChange(callerOf(event), options)
        return answer(event, options)
      }),
    )
  }
  for (const path of ['/proxy', '/proxy/**']) mountNothing(app, path, options)
}

function mountNothing(app: H3, path: string, options: OperationsOptions): void {
  app.all(path, (event) =>
    answered(event, options, 404, (headers) => {
      mayRead(callerOf(event), options)
      throw nothingThere(event, headers)
    }),
  )
}

async function answered(
  event: H3Event,
  { log }: OperationsOptions,
  status: number,
  answer: (headers: Headers) => unknown,
): Promise<Response> {
  const requestId = requestIdOf(event.req.headers.get('x-request-id'))
  const headers = new Headers({
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'x-request-id': requestId,
  })
  try {
    const body = await answer(headers)
    if (body instanceof Response) {
      for (const [name, value] of headers)
        if (!body.headers.has(name)) body.headers.set(name, value)
      return body
    }
    return new Response(JSON.stringify(body), { status, headers })
  } catch (error) {
    const told = asChillError(error, requestId, log)
    const { pathname } = event.url
    const route = pathname in reads || pathname in changes ? pathname : 'other'
    const fields = { requestId, method: event.req.method, route, status: told.status }
    log.info({ ...fields, code: told.code }, `an operator's call was refused: ${told.code}`)
    if (told.retryAfterS !== undefined) headers.set('retry-after', String(told.retryAfterS))
    return new Response(JSON.stringify(told), { status: told.status, headers })
  }
}

async function ownMetrics(event: H3Event, { metrics }: OperationsOptions): Promise<Response> {
  const { contentType, text } = await metrics.scrape(event.req.headers.get('accept'))
  return new Response(text, { headers: { 'content-type': contentType } })
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
