import type { IncomingMessage } from 'node:http'

/** A request to the API server, as faults choose among them and tests look at them. */
export interface ApiRequest {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly isWatch: boolean
}

export type RequestMatch = (request: ApiRequest) => boolean

export function readRequest({ method = 'GET', url = '/' }: IncomingMessage): ApiRequest {
  const { pathname, searchParams } = new URL(url, 'https://kubernetes')
  const isWatch = ['true', '1'].includes(searchParams.get('watch') ?? '')
  return { method, path: pathname, query: searchParams, isWatch }
}

const reasons: Readonly<Record<number, string>> = {
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
}

/** The body of an API server's refusal. */
export function statusBody(code: number, retryAfterSeconds?: number): object {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: code === 410 ? 'too old resource version: 1 (2)' : `answered by the fault layer`,
    reason: reasons[code] ?? 'Unknown',
    ...(retryAfterSeconds !== undefined && { details: { retryAfterSeconds } }),
    code,
  }
}
