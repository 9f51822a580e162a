import type { StreamEvent } from '../../../src/events/index.ts'
import type { EventReading, EventsView } from '../../../src/operations/index.ts'

type Told = StreamEvent extends infer Event
  ? Event extends unknown
    ? Omit<Event, 'at'>
    : never
  : never

/** Tells what the test says, and remembers how it was read. */
export class FakeEvents implements EventsView {
  readonly readings: EventReading[] = []
  missed = false
  backends: readonly string[] = ['gpu0']
  at = '2026-11-24T06:30:00.000Z'
  /** Told to who reads without following. */
  past: Told[] = []
  #number = 0
  #readers: ReadableStreamDefaultController<Uint8Array>[] = []
  #opened: (() => void)[] = []

  open(reading: EventReading): ReadableStream<Uint8Array> {
    this.readings.push(reading)
    return new ReadableStream({
      start: (controller) => {
        const { missed, backends } = this
        const greeting = { version: '1.2.3', startedAt: '2026-11-24T05:00:00.000Z' }
        controller.enqueue(this.#text({ type: 'hello', ...greeting, backends, missed }))
        if (!reading.follow) {
          for (const event of this.past) controller.enqueue(this.#text(event))
          return controller.close()
        }
        this.#readers.push(controller)
        for (const resolve of this.#opened.splice(0)) resolve()
      },
    })
  }

  /** Once somebody reads, after all who have read so far. */
  async opened(): Promise<void> {
    if (this.#readers.length > 0) return
    await new Promise<void>((resolve) => this.#opened.push(resolve))
  }

  tell(event: Told): void {
    this.#number++
    for (const reader of this.#readers) reader.enqueue(this.#text(event))
  }

  /** As a server that ends orderly, or is cut off. */
  end(): void {
    for (const reader of this.#readers.splice(0)) reader.close()
  }

  #text(event: Told): Uint8Array {
    const data = JSON.stringify({ at: this.at, ...event })
    return new TextEncoder().encode(
      `id: 7-${this.#number}\nevent: ${event.type}\ndata: ${data}\n\n`,
    )
  }
}
