import type { IncomingMessage } from 'node:http'
import { forwardedHeaders, type CredentialRule } from './headers.ts'

interface Form {
  /** Bytes; undefined for a body of unknown length, which then goes in chunks. */
  readonly contentLength: number | undefined
  /** The endpoint takes JSON, and the body was found to be an object. */
  readonly isJson: boolean
  /** The client has been told a head already, in which no content coding is declared. */
  readonly mustBePlain: boolean
  /** W3C's headers as they go on, instead of the client's; undefined leaves those as they are. */
  readonly traceContext: readonly string[] | undefined
}

/** Headers of one forwarded request: the client's, what we must say, and its length. */
export function outgoingHeaders(
  req: IncomingMessage,
  requestId: string,
  credentials: CredentialRule,
  form: Form,
): string[] {
  const headers = forwardedHeaders(req.rawHeaders, requestId, credentials)
  if (form.traceContext) setTraceContext(headers, form.traceContext)
  if (form.mustBePlain) remove(headers, 'accept-encoding')
  // `curl -d` says so of everything, and vLLM takes JSON from nobody who does.
  if (form.isJson && req.headers['content-type'] === 'application/x-www-form-urlencoded') {
    remove(headers, 'content-type')
    headers.push('content-type', 'application/json')
  }
  if (form.contentLength !== undefined) headers.push('content-length', String(form.contentLength))
  return headers
}

export function setTraceContext(headers: string[], traceContext: readonly string[]): void {
  remove(headers, 'traceparent')
  remove(headers, 'tracestate')
  for (const one of traceContext) headers.push(one)
}

function remove(headers: string[], name: string): void {
  for (let i = headers.length - 2; i >= 0; i -= 2) {
    if ((headers[i] as string).toLowerCase() === name) headers.splice(i, 2)
  }
}
