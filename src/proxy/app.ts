import type { IncomingMessage, ServerResponse } from 'node:http'
import { H3, type H3Event, type HTTPError } from 'h3'
import { ChillError } from '../errors/index.ts'
import { asChillError, requestIdOf } from '../telemetry/index.ts'
import type { ProxyContext } from './context.ts'
import { errorBody, errorHeaders } from './error-answer.ts'
import { Exchange } from './exchange.ts'
import { answerLocally, type Local } from './local-answer.ts'
import { listModels, oneModel } from './models-list.ts'
import { apiOf, matchRoute } from './routes.ts'

const modelsPath = '/v1/models'
const reading = ['GET', 'HEAD']

/**
 * The API as an h3 app that listens nowhere. It answers every path, also with 404; routes that are
 * mounted on it beside (the operators' below `/proxy`) are more specific and so go first.
 */
export function createApp(context: ProxyContext): H3 {
  const app = new H3({ silent: true, onError: (error, event) => unexpected(context, error, event) })
  app.all('/**', (event) => {
    const { req, res } = event.runtime!.node as unknown as {
      req: IncomingMessage
      res: ServerResponse
    }
    const { pathname, search } = event.url
    const match = req.method === 'OPTIONS' ? undefined : matchRoute(pathname)
    if (match?.route.methods.includes(req.method as string)) {
      new Exchange(context, match, pathname + search, req, res).start()
    } else if (req.method === 'OPTIONS' && !isOperations(pathname)) {
      preflight(context, req, res)
    } else {
      answerLocally(context, localOf(context, pathname, match?.route), req, res)
    }
    // Node's response is written here, and h3 would end it once this resolved: too early at first, and
    // later with an error, whose stack alone took a tenth of a small request's time. So it never does.
    return new Promise(() => {})
  })
  return app
}

function localOf(
  context: ProxyContext,
  pathname: string,
  route: { pattern: string; methods: readonly string[] } | undefined,
): Local {
  const { catalogue, ready } = context
  if (route)
    return { pattern: route.pattern, pathname, methods: route.methods, produce: notFound(pathname) }
  if (pathname === '/health') {
    return {
      pattern: undefined,
      pathname,
      open: true,
      methods: reading,
      produce: () => ({ status: 200, body: { status: 'ok' } }),
    }
  }
  if (pathname === '/readyz') {
    return {
      pattern: undefined,
      pathname,
      open: true,
      methods: reading,
      produce: () =>
        ready()
          ? { status: 200, body: { status: 'ready' } }
          : { status: 503, body: { status: 'not ready' } },
    }
  }
  if (pathname === modelsPath) {
    return {
      pattern: modelsPath,
      pathname,
      methods: reading,
      produce: () => ({ status: 200, body: listModels(catalogue) }),
    }
  }
  if (pathname.startsWith(`${modelsPath}/`)) {
    const id = decodeURIComponent(pathname.slice(modelsPath.length + 1))
    return {
      pattern: '/v1/models/{id}',
      pathname,
      methods: reading,
      produce: () => ({ status: 200, body: oneModel(catalogue, id) }),
    }
  }
  return { pattern: 'other', pathname, open: true, produce: notFound(pathname) }
}

function notFound(pathname: string): () => never {
  return () => {
    throw new ChillError(
      'not_found',
      `${pathname.slice(0, 200)} is not among the paths that are served here`,
    )
  }
}

/** Needs no key, as browsers send none, and asks no backend. */
function preflight(context: ProxyContext, req: IncomingMessage, res: ServerResponse): void {
  res.writeHead(204, [
    ...context.cors.preflight(req),
    'x-request-id',
    requestIdOf(req.headers['x-request-id']),
  ])
  res.end()
  req.resume()
}

function isOperations(pathname: string): boolean {
  return pathname === '/proxy' || pathname.startsWith('/proxy/')
}

/** For what handlers throw, here or in the routes mounted beside: never a stack in the answer. */
function unexpected(context: ProxyContext, error: HTTPError, event: H3Event): Response {
  const req = event.runtime?.node?.req as unknown as IncomingMessage | undefined
  const requestId = requestIdOf(req?.headers['x-request-id'])
  const told =
    error.cause instanceof ChillError
      ? error.cause
      : asChillError(ofStatus(error) ?? error.cause, requestId, context.log)
  const headers = errorHeaders(told)
  const answer = new Response(errorBody(told, apiOf(event.url.pathname)), {
    status: told.status,
    headers: { 'x-request-id': requestId },
  })
  for (let i = 0; i < headers.length; i += 2)
    answer.headers.set(headers[i] as string, headers[i + 1] as string)
  return answer
}

/** h3's own refusals, such as of a path that is not valid percent-encoding. */
function ofStatus(error: HTTPError): ChillError | undefined {
  if (error.unhandled) return undefined
  if (error.status === 404)
    return new ChillError('not_found', 'this path is not among those that are served here')
  return error.status < 500 ? new ChillError('bad_request', error.message) : undefined
}
