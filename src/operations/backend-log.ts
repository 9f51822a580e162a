import { ChillError } from '../errors/index.ts'
import { flag, wholeNumber } from './parameters.ts'
import type { FleetView } from './types.ts'

const usualLines = 100
const mostLines = 10_000

/** `GET /proxy/backends/logs?backend=NAME&lines=N&follow=true`: what a backend itself wrote. */
export function backendLog({ searchParams }: URL, fleet: FleetView): Response {
  const lines = Math.min(wholeNumber(searchParams, 'lines') ?? usualLines, mostLines)
  const follow = flag(searchParams, 'follow') ?? false
  const backend = searchParams.get('backend') ?? theOnly(fleet)
  const leaving = new AbortController()
  const log = fleet.log(backend, { lines, follow }, leaving.signal)
  return new Response(streamOf(log, leaving), {
    headers: { 'content-type': 'text/plain; charset=utf-8', 'x-accel-buffering': 'no' },
  })
}

function theOnly(fleet: FleetView): string {
  const names = fleet.status().map(({ name }) => name)
  if (names.length === 1) return names[0]!
  throw new ChillError('bad_request', `Name one: ?backend=NAME. There are ${names.join(', ')}.`, {
    param: 'backend',
  })
}

/** Line by line, as fast as they are taken. */
function streamOf(lines: AsyncIterable<string>, leaving: AbortController): ReadableStream {
  const encoder = new TextEncoder()
  const iterator = lines[Symbol.asyncIterator]()
  let isFirst = true
  return new ReadableStream(
    {
      async pull(controller) {
        if (isFirst) {
          isFirst = false
          // The head goes out at once, also where nothing is written for a long time.
          return controller.enqueue(new Uint8Array())
        }
        const { done, value } = await iterator.next()
        if (leaving.signal.aborted) return
        if (done) controller.close()
        else controller.enqueue(encoder.encode(`${value}\n`))
      },
      cancel: () => leaving.abort(),
    },
    { highWaterMark: 0 },
  )
}
