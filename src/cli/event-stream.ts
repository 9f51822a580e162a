import { createParser } from 'eventsource-parser'
import type { StreamEvent } from '../events/index.ts'
import { CommandFailed } from './failure.ts'
import { mayPass } from './instance-calls.ts'
import type { RunningInstance } from './running-instance.ts'
import type { Terminal } from './terminal.ts'

/** From one attempt to reach an instance that is gone to the next; it doubles up to the second number. */
const pausesMs = [250, 5_000] as const

/** An event with its number, as the instance told it. */
export type ToldEvent = StreamEvent & { readonly eventId: string }

/** The connection is gone; it is tried again until it is back. */
export interface Lost {
  readonly type: 'lost'
  readonly why: string
}

export interface EventsWanted {
  /** So many of the last ones first. */
  readonly last?: number | undefined
  /** Only these types, and `hello`. */
  readonly types?: readonly string[] | undefined
}

/** What has happened so far; ends when the last of it is told. */
export async function* pastEvents(
  instance: RunningInstance,
  wanted: EventsWanted,
): AsyncGenerator<ToldEvent> {
  yield* eventsAt(instance, { ...queryOf(wanted), follow: 'false' }, {})
}

/**
 * Events as they happen, across restarts of the instance: after each break it goes on behind the last
 * event that was told. Ends when the signal is aborted. Throws when the instance cannot be reached at
 * first, or refuses.
 */
export async function* followEvents(
  instance: RunningInstance,
  wanted: EventsWanted,
  signal: AbortSignal,
  { pause }: Pick<Terminal, 'pause'>,
): AsyncGenerator<ToldEvent | Lost> {
  let lastId: string | undefined
  let attempts = 0
  while (!signal.aborted) {
    let why = `${instance.url} has ended the connection.`
    try {
      const headers: Record<string, string> =
        lastId === undefined ? {} : { 'last-event-id': lastId }
      for await (const event of eventsAt(instance, queryOf(wanted), { headers, signal })) {
        lastId = event.eventId
        attempts = 0
        yield event
        if (event.type === 'goodbye') why = `vllm-chill at ${instance.url} has shut down.`
      }
    } catch (error) {
      if (signal.aborted) return
      if (!mayPass(error) || lastId === undefined) throw error
      why = error.message
    }
    if (signal.aborted) return
    if (attempts === 0) yield { type: 'lost', why }
    const [first, most] = pausesMs
    await pause(Math.min(first * 2 ** attempts, most), signal)
    attempts++
  }
}

async function* eventsAt(
  instance: RunningInstance,
  query: Record<string, string>,
  options: { headers?: Record<string, string>; signal?: AbortSignal },
): AsyncGenerator<ToldEvent> {
  const parameters = new URLSearchParams(query).toString()
  const stream = await instance.stream(`events${parameters && `?${parameters}`}`, options)
  if (!stream.contentType.startsWith('text/event-stream')) {
    throw new CommandFailed(`${instance.url} does not tell its events.`)
  }
  const told: ToldEvent[] = []
  const parser = createParser({
    onEvent: ({ id = '', data }) =>
      void told.push({ eventId: id, ...(JSON.parse(data) as StreamEvent) }),
  })
  for await (const part of stream) {
    parser.feed(part)
    yield* told.splice(0)
  }
}

function queryOf({ last, types }: EventsWanted): Record<string, string> {
  return {
    ...(last !== undefined && { last: String(last) }),
    ...(types && { types: types.join(',') }),
  }
}
