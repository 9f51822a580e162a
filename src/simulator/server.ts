import type { IncomingMessage, ServerResponse } from 'node:http'
import { ApiError, type ErrorShape, RouteError, invalidBody } from './api-error.ts'
import { type Json, isObject } from './fields.ts'
import { type Route, findRoutes } from './routes.ts'
import { endEventStream } from './event-stream.ts'
import { type Simulation, sendJson } from './simulation.ts'

/** `loading` is only seen with `--loading-answer 503`, `stopping` with `--shutdown-timeout`. */
export type Phase = 'loading' | 'serving' | 'stopping'

/** The URL of a request; one that cannot be read leads nowhere. */
export const urlOf = (req: IncomingMessage): URL =>
  URL.parse(`http://simulator${req.url}`) ?? new URL('http://simulator/unreadable')

/** Answers every request; never throws. */
export async function answer(
  req: IncomingMessage,
  res: ServerResponse,
  phase: Phase,
  simulation: Simulation,
): Promise<void> {
  const { options } = simulation
  const url = urlOf(req)
  res.setHeader('server', 'uvicorn')
  if (options.enableRequestIdHeaders) {
    res.setHeader('x-request-id', req.headers['x-request-id'] ?? crypto.randomUUID())
  }
  res.setHeader('vary', 'Origin')
  let errors: ErrorShape = 'openai'
  try {
    if (phase === 'loading') throw unavailable('The model is still loading')
    if (isPreflight(req)) {
      refusePreflight(req, res)
    } else if (needsKey(url.pathname) && !hasKey(req, options.apiKey)) {
      sendJson(res, 401, { error: 'Unauthorized' })
    } else {
      const route = chooseRoute(req, url, options.devMode)
      errors = route.errors
      if (route.inference && phase === 'stopping') throw draining()
      await follow(route, req, res, url, simulation)
    }
  } catch (error) {
    refuse(res, error, errors)
  }
}

async function follow(
  route: Route,
  req: IncomingMessage,
  res: ServerResponse,
  url: URL,
  simulation: Simulation,
): Promise<void> {
  const gone = new AbortController()
  res.once('close', () => {
    if (!res.writableFinished) gone.abort()
  })
  const raw = await readBody(req)
  if (gone.signal.aborted) return
  const body = route.takes === 'json' ? parseJson(req, raw) : {}
  if (route.inference) {
    if (simulation.sleep.state !== 'awake') throw unavailable('The engine is asleep')
    if (simulation.faults.failsNow()) {
      throw new ApiError(500, 'InternalServerError', 'Simulated failure')
    }
    res.once('finish', () => {
      if (simulation.faults.isLastRequest()) simulation.die('died after a request, as told')
    })
  }
  await route.handler({ req, res, url, signal: gone.signal, body, raw }, simulation)
}

function chooseRoute(req: IncomingMessage, url: URL, devMode: boolean): Route {
  const methods = findRoutes(url.pathname, devMode)
  if (methods === undefined) throw new RouteError(404, 'Not Found')
  const route = methods[req.method ?? '']
  if (route === undefined) {
    throw new RouteError(405, 'Method Not Allowed', Object.keys(methods)[0])
  }
  return route
}

function refuse(res: ServerResponse, error: unknown, shape: ErrorShape): void {
  const known = error instanceof ApiError ? error : crash(res, error as Error)
  if (res.headersSent) {
    endEventStream(res, known, shape)
    return
  }
  if (known instanceof RouteError && known.allow !== undefined) res.setHeader('allow', known.allow)
  sendJson(res, known.status, known.body(shape))
}

/** What nobody has caught: starlette answers it outside of what adds the headers. */
function crash(res: ServerResponse, { message }: Error): ApiError {
  if (!res.headersSent) res.removeHeader('vary')
  return new ApiError(500, 'InternalServerError', message)
}

/** What vLLM trips over while it waits for its last requests; `/health` goes on with 200. */
const draining = () => new Error('cannot schedule new futures after shutdown')

const unavailable = (message: string) => new ApiError(503, 'ServiceUnavailableError', message)

async function readBody(req: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of req) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

/** vLLM refuses JSON that is not declared as such, so a bare `curl -d` gets a 400 from it. */
function parseJson(req: IncomingMessage, raw: Buffer): Json {
  const mediaType = (req.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase()
  if (mediaType !== 'application/json') {
    throw invalidBody("Unsupported Media Type: Only 'application/json' is allowed")
  }
  if (raw.length === 0) throw invalidBody('Field required', 'body')
  let body: unknown
  try {
    body = JSON.parse(raw.toString('utf8'))
  } catch (error) {
    const at = /position (\d+)/.exec((error as Error).message)?.[1] ?? '0'
    throw invalidBody(`JSON decode error: ${(error as Error).message}`, `body.${at}`)
  }
  if (isObject(body)) return body
  throw invalidBody('Input should be a valid dictionary', 'body')
}

/** vLLM guards these prefixes only: `/score`, `/tokenize`, `/sleep` … stay open. */
export const needsKey = (path: string): boolean =>
  ['/v1', '/v2', '/inference'].some((prefix) => path.startsWith(prefix))

export function hasKey(req: IncomingMessage, keys: readonly string[]): boolean {
  if (keys.length === 0) return true
  const [scheme, key] = (req.headers.authorization ?? '').split(' ')
  return scheme?.toLowerCase() === 'bearer' && keys.includes(key ?? '')
}

const isPreflight = (req: IncomingMessage): boolean =>
  req.method === 'OPTIONS' && req.headers['access-control-request-method'] !== undefined

/** Without `--allowed-origins` no page of another origin may ask. */
function refusePreflight(req: IncomingMessage, res: ServerResponse): void {
  res.writeHead(400, {
    'content-type': 'text/plain; charset=utf-8',
    'access-control-allow-methods': 'DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, QUERY',
    'access-control-allow-headers': req.headers['access-control-request-headers'] ?? '*',
    'access-control-max-age': '600',
    vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network',
  })
  res.end('Disallowed CORS origin')
}
