import type { ComparedRequest } from './request.ts'

/** What a client can go by in an answer; words, ids and times are left out. */
export interface Picture {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

/** Header → how to picture its value. */
const headersThatMatter: Readonly<Record<string, (value: string) => string>> = {
  'content-type': (value) => value,
  'cache-control': (value) => value,
  'access-control-allow-origin': (value) => value,
  'access-control-allow-methods': (value) => value,
  'access-control-allow-headers': (value) => value,
  allow: (value) => value,
  vary: (value) => value,
  location: () => 'somewhere',
  'x-request-id': (value) => (value === 'mine' ? value : 'some id'),
  'retry-after': (value) => value,
}

/** Values that SDKs and proxies branch on, kept as they are. */
const keptValues = new Set(['object', 'type', 'code', 'param', 'role', 'finish_reason', 'status'])

export async function pictureOf(url: string, request: ComparedRequest): Promise<Picture> {
  const { path, body, raw } = request
  const sends = body !== undefined || raw !== undefined
  const answer = await fetch(url + path, {
    method: request.method ?? (sends ? 'POST' : 'GET'),
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...request.headers,
    },
    ...(sends ? { body: raw ?? JSON.stringify(body) } : {}),
    redirect: 'manual',
  })
  const text = await answer.text()
  return {
    status: answer.status,
    headers: Object.fromEntries(
      Object.entries(headersThatMatter).flatMap(([name, picture]) => {
        const value = answer.headers.get(name)
        return value === null ? [] : [[name, picture(value)]]
      }),
    ),
    body: bodyOf(answer.headers.get('content-type') ?? '', text),
  }
}

function bodyOf(contentType: string, text: string): unknown {
  if (text === '') return 'nothing'
  if (contentType.startsWith('text/event-stream')) return eventsOf(text)
  if (contentType.startsWith('application/json')) return shapeOf(JSON.parse(text))
  return 'some text'
}

/** Field names and types; of a list, the shapes that occur in it. */
export function shapeOf(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return distinct(value.map((item) => shapeOf(item)))
  if (value === null) return null
  if (typeof value === 'object') {
    // A token that is a part of a character comes as a delta without text.
    if (key === 'delta' && Object.keys(value).length === 0) return { content: 'string' }
    const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
    return Object.fromEntries(entries.map(([name, item]) => [name, shapeOf(item, name)]))
  }
  return keptValues.has(key) ? value : typeof value
}

/** What stands between blank lines, as lines of `field: value`; as many tokens as one. */
export function eventsOf(text: string): unknown[] {
  const events = text.split('\n\n')
  const end = events.pop()
  const shapes: unknown[] = events.map((event) =>
    event.split('\n').map((line) => {
      const [, field = '', value = ''] = /^([^:]*): ?(.*)$/.exec(line) ?? []
      if (field !== 'data' || value === '[DONE]') return line
      return { data: shapeOf(JSON.parse(value)) }
    }),
  )
  return [...distinct(shapes), ...(end === '' ? [] : ['without a blank line at its end'])]
}

/** Each shape where it first comes: several choices come, and end, in whatever order. */
function distinct(shapes: readonly unknown[]): unknown[] {
  const byText = new Map(shapes.map((shape) => [JSON.stringify(shape), shape]))
  return [...byText.values()]
}
