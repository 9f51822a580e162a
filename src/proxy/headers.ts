/** RFC 9110, 7.6.1: these concern one connection, never the message that travels over it. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** `Expect` is answered by our own server, host and length are written anew. */
const notForwarded = new Set([...hopByHop, 'expect', 'host', 'content-length', 'x-request-id'])

/** Whoever stands in front decides about origins and ids. */
const notAnswered = new Set([
  ...hopByHop,
  'x-request-id',
  'x-vllm-chill-waited-ms',
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
])

const credentials = new Set(['authorization', 'x-api-key'])

/** What becomes of a client's credentials on the way to the backend. */
export interface CredentialRule {
  /** Client keys are ours to check, and nobody else's to see. */
  readonly dropsClientKeys: boolean
  /** Key the backend asks for. */
  readonly backendKey: string | undefined
}

/** Headers of a request as they go on: name, value, name, value…, everything else untouched. */
export function forwardedHeaders(
  raw: readonly string[],
  requestId: string,
  rule: CredentialRule,
): string[] {
  const nominated = nominatedBy(raw)
  const result: string[] = []
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase()
    if (notForwarded.has(name) || nominated?.has(name)) continue
    if (credentials.has(name) && (rule.dropsClientKeys || rule.backendKey !== undefined)) continue
    result.push(raw[i] as string, raw[i + 1] as string)
  }
  if (rule.backendKey !== undefined) result.push('authorization', `Bearer ${rule.backendKey}`)
  result.push('x-request-id', requestId)
  return result
}

/** Headers of an answer as they go on, with `ours` behind them. */
export function answeredHeaders(raw: readonly string[], ours: readonly string[]): string[] {
  const nominated = nominatedBy(raw)
  const result: string[] = []
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase()
    if (!notAnswered.has(name) && !nominated?.has(name))
      result.push(raw[i] as string, raw[i + 1] as string)
  }
  for (const one of ours) result.push(one)
  return result
}

/** Value of the first header of this (lower-case) name. */
export function headerValue(raw: readonly string[], name: string): string | undefined {
  for (let i = 0; i < raw.length; i += 2) {
    const key = raw[i] as string
    if (key.length === name.length && key.toLowerCase() === name) return raw[i + 1]
  }
  return undefined
}

/** Names that `Connection` declares to be hop-by-hop too; undefined in the usual case of none. */
function nominatedBy(raw: readonly string[]): Set<string> | undefined {
  let nominated: Set<string> | undefined
  for (let i = 0; i < raw.length; i += 2) {
    const key = raw[i] as string
    if (key.length !== 10 || key.toLowerCase() !== 'connection') continue
    for (const token of (raw[i + 1] as string).split(',')) {
      const name = token.trim().toLowerCase()
      if (name === '' || name === 'close' || hopByHop.has(name)) continue
      nominated ??= new Set()
      nominated.add(name)
    }
  }
  return nominated
}

/** undici hands raw headers and trailers over as buffers; on the wire they are latin1. */
export function headerStrings(raw: unknown): string[] {
  if (!Array.isArray(raw)) return []
  return raw.map((part: Buffer | string) =>
    typeof part === 'string' ? part : part.toString('latin1'),
  )
}
