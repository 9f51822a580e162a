/** Which shape a client of this path expects its errors in, above all in a stream. */
export type Api = 'openai' | 'responses' | 'messages'

/** A path that is forwarded. */
export interface Route {
  /** What logs and metrics call it. */
  readonly pattern: string
  readonly methods: readonly string[]
  /** Where the model is named; `none` where a stored response's id leads to its backend. */
  readonly body: 'json' | 'multipart' | 'none'
  readonly api: Api
  /** Answers `"stream": true` with server-sent events. */
  readonly streams: boolean
}

const post = ['POST']

/**
 * vLLM asks for its own key only below /v1, /v2 and /inference: /sleep, /collective_rpc or the LoRA
 * endpoints are open to whoever reaches it. So only what is in this list is forwarded.
 */
const streaming = ['/v1/chat/completions', '/v1/completions', '/v1/responses', '/v1/messages']
const json = [
  '/v1/chat/completions/batch',
  '/v1/embeddings',
  '/v1/messages/count_tokens',
  '/v2/embed',
  '/rerank',
  '/v1/rerank',
  '/v2/rerank',
  '/score',
  '/v1/score',
  '/classify',
  '/pooling',
  '/generative_scoring',
  '/tokenize',
  '/detokenize',
  '/inference/v1/generate',
  '/invocations',
]
const multipart = ['/v1/audio/transcriptions', '/v1/audio/translations']

const routes = new Map<string, Route>()
for (const pattern of streaming) add(pattern, 'json', true)
for (const pattern of json) add(pattern, 'json', false)
for (const pattern of multipart) add(pattern, 'multipart', false)

function add(pattern: string, body: Route['body'], streams: boolean): void {
  routes.set(pattern, { pattern, methods: post, body, api: apiOf(pattern), streams })
}

const storedResponse: Route = {
  pattern: '/v1/responses/{id}',
  methods: ['GET', 'DELETE'],
  body: 'none',
  api: 'responses',
  streams: false,
}
const cancelResponse: Route = {
  ...storedResponse,
  pattern: '/v1/responses/{id}/cancel',
  methods: post,
}

/** Where a path leads; `responseId` for the routes that have one. */
export interface Match {
  readonly route: Route
  readonly responseId?: string
}

/** Undefined for every path that is not on the list. */
export function matchRoute(pathname: string): Match | undefined {
  const route = routes.get(pathname)
  if (route) return { route }
  const found = /^\/v1\/responses\/([^/]+)(\/cancel)?$/.exec(pathname)
  if (!found) return undefined
  return { route: found[2] ? cancelResponse : storedResponse, responseId: found[1] as string }
}

/** By path, for answers to paths that are not on the list too. */
export function apiOf(pathname: string): Api {
  if (pathname.startsWith('/v1/messages')) return 'messages'
  return pathname.startsWith('/v1/responses') ? 'responses' : 'openai'
}
