import { expect, onTestFinished } from 'vitest'
import type { StreamEvent } from '../../../src/events/index.ts'
import type { Program } from './program.ts'

export type Seen = StreamEvent & { readonly lastEventId: string }

/** One who reads `/proxy/events`. */
export interface Watcher {
  /** All that came so far. */
  readonly seen: readonly Seen[]
  /** The first that is so, also when it has come already. */
  until(isSo: (event: Seen) => boolean): Promise<Seen>
  /** Resolves when the stream is over. */
  readonly ended: Promise<void>
  leave(): void
}

export async function watch(
  { url }: Pick<Program, 'url'>,
  query = '',
  headers: Record<string, string> = {},
): Promise<Watcher> {
  const leaving = new AbortController()
  onTestFinished(() => leaving.abort())
  const answer = await fetch(`${url}/proxy/events${query}`, { headers, signal: leaving.signal })
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
  const seen: Seen[] = []
  const waiting = new Set<() => void>()
  let over = false
  const read = async () => {
    try {
      for await (const event of eventsIn(answer.body!)) {
        seen.push(event)
        for (const look of waiting) look()
      }
    } finally {
      over = true
      for (const look of waiting) look()
    }
  }
  const ended = read()
  ended.catch(() => {})
  return {
    seen,
    ended,
    leave: () => leaving.abort(),
    until: (isSo) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = seen.find(isSo)
          if (!found && !over) return
          waiting.delete(look)
          if (found) resolve(found)
          else reject(new Error(`it never came; there were ${JSON.stringify(seen)}`))
        }
        waiting.add(look)
        look()
      }),
  }
}

async function* eventsIn(body: ReadableStream<Uint8Array>): AsyncGenerator<Seen> {
  let text = ''
  for await (const part of body.pipeThrough(new TextDecoderStream())) {
    const blocks = (text + part).split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const field = (name: string) =>
        block
          .split('\n')
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2)
      const data = field('data')
      if (data === undefined) continue
      const event = JSON.parse(data) as StreamEvent
      expect(event.type).toBe(field('event'))
      yield { ...event, lastEventId: field('id') ?? '' }
    }
  }
}
