/**
 * What must not stand in a log line, whoever wrote it there: keys that open something, and what
 * people asked and were answered. Names decide, at any depth, so that logging a whole headers object
 * by mistake leaks nothing. Text inside a message cannot be looked through: keep secrets out of it.
 */

/** Of a name in lower case without `-` and `_`. `maxTokens` and `apiKeysFile` may be seen. */
const secretNames =
  /(apikeys?|backendkey|clientkeys?|token|secrets?|password|authorization|cookie)$/

const contentNames = new Set([
  'body',
  'choices',
  'completion',
  'input',
  'messages',
  'prompt',
  'rawbody',
])

/** Deeper than anything we log on purpose; also ends cycles. */
const maxDepth = 8

/** A copy of what is about to be logged, without secrets, contents and functions. */
export function censor(value: unknown, depth = 0): unknown {
  if (value instanceof Error) return describeError(value, depth)
  if (value instanceof Date || typeof value !== 'object' || value === null) return value
  if (depth > maxDepth) return '[deep]'
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (value instanceof Headers || value instanceof Map) {
    return censor(Object.fromEntries(value), depth)
  }
  if (value instanceof Set) return censor([...value], depth)
  if (Array.isArray(value)) return value.map((item) => censor(item, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, censorField(key, item, depth)]),
  )
}

function censorField(key: string, value: unknown, depth: number): unknown {
  if (value === undefined || value === null) return value
  const name = key.toLowerCase().replaceAll(/[-_]/g, '')
  if (secretNames.test(name)) return '[secret]'
  if (contentNames.has(name)) return '[not logged]'
  return censor(value, depth + 1)
}

/** Only these fields: errors of HTTP clients carry whole requests, headers and bodies, in theirs. */
function describeError(error: Error, depth: number): Record<string, unknown> {
  const { code } = error as { code?: unknown }
  return {
    type: error.name,
    ...(code === undefined ? {} : { code }),
    message: error.message,
    stack: error.stack,
    ...(error.cause === undefined || depth > maxDepth
      ? {}
      : { cause: error.cause instanceof Error ? censor(error.cause, depth + 1) : '[not logged]' }),
  }
}
