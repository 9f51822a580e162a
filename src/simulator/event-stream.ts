import { once } from 'node:events'
import type { ApiError, ErrorShape } from './api-error.ts'
import type { Exchange, Simulation } from './simulation.ts'

export interface EventStream {
  /** One event; the promise, if any, is back-pressure. */
  send(data: unknown, event?: string): Promise<void> | void
  /** @param mark the last line's data; OpenAI's `[DONE]` */
  end(mark?: string): void
}

/** Opens the answer as server-sent events, one JSON document each. */
export function openEventStream({ res, signal }: Exchange, simulation: Simulation): EventStream {
  res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
  return {
    send(data, event) {
      if (signal.aborted) return undefined
      const head = event === undefined ? '' : `event: ${event}\n`
      const text = `${head}data: ${JSON.stringify(data)}\n\n`
      if (simulation.faults.isLastChunk()) {
        res.write(text, () => simulation.die('died in mid-stream, as told'))
        return new Promise<void>(() => {})
      }
      if (res.write(text)) return undefined
      return drained(res, signal)
    },
    end(mark) {
      res.end(mark === undefined ? undefined : `data: ${mark}\n\n`)
    },
  }
}

/** How a stream ends that has begun well: the last event but the mark is the error. */
export function endEventStream(res: Exchange['res'], error: ApiError, shape: ErrorShape): void {
  if (!res.writable) return
  if (shape === 'anthropic') {
    const body = { type: 'error', error: { type: 'internal_error', message: error.message } }
    res.end(`event: error\ndata: ${JSON.stringify(body)}\n\n`)
  } else {
    res.end(`data: ${JSON.stringify(error.body(shape))}\n\ndata: [DONE]\n\n`)
  }
}

async function drained(res: Exchange['res'], signal: AbortSignal): Promise<void> {
  // The client may leave instead of reading on.
  await once(res, 'drain', { signal }).catch(() => {})
}
