import { flag, wholeNumber } from './parameters.ts'
import type { EventsView } from './types.ts'

/** The events as they happen; `Last-Event-ID`, `?last=`, `?types=` and `?follow=false` say which. */
export function eventStream(request: Request, events: EventsView): Response {
  const { searchParams } = new URL(request.url)
  const types = searchParams.get('types')?.split(',').filter(Boolean)
  const stream = events.open({
    lastEventId: request.headers.get('last-event-id') ?? undefined,
    last: wholeNumber(searchParams, 'last'),
    types: types?.length ? types : undefined,
    follow: flag(searchParams, 'follow') ?? true,
  })
  return new Response(stream, {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      // Proxies on the way would wait for more.
      'x-accel-buffering': 'no',
    },
  })
}
