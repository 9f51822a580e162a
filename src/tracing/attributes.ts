import type { Attributes } from '@opentelemetry/api'
import {
  ATTR_ERROR_TYPE,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  ATTR_URL_FULL,
  ATTR_URL_PATH,
  ATTR_URL_SCHEME,
  ATTR_USER_AGENT_ORIGINAL,
} from '@opentelemetry/semantic-conventions'
import type { RequestRecord, TracedRequest } from '../proxy/index.ts'

/** What clients make up is cut to this, characters. */
const longest = 200

/** The conventions' names for what these routes do; others are HTTP and no more. */
const operations: Readonly<Record<string, string>> = {
  '/v1/chat/completions': 'chat',
  '/v1/chat/completions/batch': 'chat',
  '/v1/responses': 'chat',
  '/v1/messages': 'chat',
  '/v1/completions': 'text_completion',
  '/v1/embeddings': 'embeddings',
  '/v2/embed': 'embeddings',
}

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

// The conventions of GenAI are not stable yet, so that their package has no names for them.
const genAi = {
  operation: 'gen_ai.operation.name',
  provider: 'gen_ai.provider.name',
  model: 'gen_ai.request.model',
  inputTokens: 'gen_ai.usage.input_tokens',
  cachedTokens: 'gen_ai.usage.cache_read.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
} as const

export const modelAttribute = genAi.model
export const backendAttribute = 'vllm_chill.backend'

export function serverName({ method, route }: TracedRequest): string {
  const verb = methods.has(method) ? method : 'HTTP'
  return route === 'other' ? verb : `${verb} ${route}`
}

/** `chat qwen3`, as the conventions want it, or what is done by HTTP. */
export function upstreamName(request: TracedRequest, model: string): string {
  const operation = operations[request.route]
  return operation === undefined ? serverName(request) : `${operation} ${model}`
}

export function serverAttributes({ method, route, path, headers }: TracedRequest): Attributes {
  const address = headers.host === undefined ? undefined : URL.parse(`http://${headers.host}`)
  return {
    ...methodAttributes(method),
    [ATTR_URL_SCHEME]: 'http',
    [ATTR_URL_PATH]: path.slice(0, longest),
    ...(route === 'other' ? {} : { [ATTR_HTTP_ROUTE]: route }),
    ...(address ? addressAttributes(address) : {}),
    ...(headers['user-agent'] === undefined
      ? {}
      : { [ATTR_USER_AGENT_ORIGINAL]: headers['user-agent'].slice(0, longest) }),
  }
}

export function upstreamAttributes(
  { method, route, path }: TracedRequest,
  model: string,
  endpoint: string,
): Attributes {
  const address = URL.parse(endpoint)
  return {
    ...methodAttributes(method),
    [ATTR_URL_FULL]: `${endpoint}${path.slice(0, longest)}`,
    ...(address ? addressAttributes(address) : {}),
    ...operationAttributes(route, model),
  }
}

export function operationAttributes(route: string, model: string): Attributes {
  const operation = operations[route]
  return {
    [genAi.model]: model,
    [genAi.provider]: 'vllm',
    ...(operation === undefined ? {} : { [genAi.operation]: operation }),
  }
}

export function endAttributes({ id, route, model, ...record }: RequestRecord): Attributes {
  const { status, code, usage, backend } = record
  return {
    [ATTR_HTTP_RESPONSE_STATUS_CODE]: status,
    'http.request.body.size': record.bytesIn,
    'http.response.body.size': record.bytesOut,
    'vllm_chill.request_id': id,
    ...(model === undefined ? {} : operationAttributes(route, model)),
    ...(backend === undefined ? {} : { [backendAttribute]: backend }),
    ...(code === undefined ? {} : { [ATTR_ERROR_TYPE]: code }),
    ...(record.waitedMs > 0 ? { 'vllm_chill.waited_ms': Math.round(record.waitedMs) } : {}),
    ...usageAttributes(usage),
  }
}

export function usageAttributes(usage: RequestRecord['usage']): Attributes {
  const counts = {
    [genAi.inputTokens]: usage?.promptTokens,
    [genAi.cachedTokens]: usage?.cachedTokens,
    [genAi.outputTokens]: usage?.completionTokens,
  }
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== undefined))
}

function methodAttributes(method: string): Attributes {
  return methods.has(method)
    ? { [ATTR_HTTP_REQUEST_METHOD]: method }
    : {
        [ATTR_HTTP_REQUEST_METHOD]: '_OTHER',
        'http.request.method_original': method.slice(0, longest),
      }
}

function addressAttributes({ hostname, port }: URL): Attributes {
  return {
    [ATTR_SERVER_ADDRESS]: hostname,
    ...(port === '' ? {} : { [ATTR_SERVER_PORT]: Number(port) }),
  }
}
