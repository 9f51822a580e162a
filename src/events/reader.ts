import { textOf, type Told } from './event-text.ts'
import type { Kept, Ring } from './ring.ts'
import type { EventType } from './types.ts'

/** At most so much is made for one write. */
const chunkCharacters = 64 * 1024
const tooSlow = 'the reader is too slow'

/** What readers read from. */
export interface Source {
  readonly rings: readonly Ring<Told>[]
  /** `<start of the program>-<number>` */
  idOf(number: number): string
  /** The latest snapshot of each backend, with a number that grows when it is a new one. */
  readonly snapshots: ReadonlyMap<string, { readonly version: number; readonly text: string }>
  /** The stream is over: cancelled, dropped or read to its end. */
  forget(reader: Reader): void
}

export interface Reading {
  /** What comes before everything else. */
  readonly greeting: string
  /** Number of the last event that it has. */
  readonly after: number
  /** Only these; undefined: all. */
  readonly types: ReadonlySet<EventType> | undefined
  /** Goes on when what is there is read. */
  readonly follow: boolean
}

/**
 * One who reads the stream, at its own pace. It has no buffer of its own: it is a place in the rings, and
 * when these have gone past it, it is too slow and is dropped.
 */
export class Reader {
  readonly stream: ReadableStream<Uint8Array>
  readonly #source: Source
  readonly #reading: Reading
  readonly #places: number[]
  readonly #shown = new Map<string, number>()
  readonly #encoder = new TextEncoder()
  #controller!: ReadableStreamDefaultController<Uint8Array>
  #number: number
  #greeting: string
  /** Wants more, and there was none. */
  #hungry: (() => void) | undefined
  #lastWords: string | undefined
  #over = false

  constructor(source: Source, reading: Reading) {
    this.#source = source
    this.#reading = reading
    this.#number = reading.after
    this.#greeting = reading.greeting
    this.#places = source.rings.map((ring) => ring.after(reading.after))
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => this.#pull(),
        cancel: () => this.#end(),
      },
      // Nothing is made before it is wanted.
      { highWaterMark: 0 },
    )
  }

  get isSlow(): boolean {
    return this.#source.rings.some((ring, index) => (this.#places[index] ?? 0) < ring.first)
  }

  /** Something may be there for it. */
  feed(): void {
    if (!this.#hungry) return
    if (this.isSlow) return this.drop(tooSlow)
    const text = this.#take()
    if (text !== '') this.#give(text)
  }

  /** Keeps the connection alive. */
  comment(): void {
    if (this.#hungry) this.#give(':\n\n')
  }

  drop(why: string): void {
    if (this.#over) return
    this.#end()
    this.#controller.error(new Error(why))
  }

  /** Ends the stream with these last words, as soon as it takes them. */
  finish(words: string): void {
    this.#lastWords = words
    const fed = this.#hungry
    if (!fed) return
    this.#hungry = undefined
    this.#sayGoodbye()
    fed()
  }

  #sayGoodbye(): void {
    this.#controller.enqueue(
      this.#encoder.encode(`${this.#take()}id: ${this.#id}\n${this.#lastWords}`),
    )
    this.#end()
    this.#controller.close()
  }

  get #id(): string {
    return this.#source.idOf(this.#number)
  }

  #pull(): Promise<void> | void {
    if (this.isSlow) return this.drop(tooSlow)
    if (this.#lastWords !== undefined) return this.#sayGoodbye()
    const text = this.#take()
    if (text !== '') return this.#controller.enqueue(this.#encoder.encode(text))
    if (!this.#reading.follow) {
      this.#end()
      return this.#controller.close()
    }
    return new Promise((resolve) => {
      this.#hungry = resolve
    })
  }

  #give(text: string): void {
    const fed = this.#hungry
    this.#hungry = undefined
    this.#controller.enqueue(this.#encoder.encode(text))
    fed?.()
  }

  /** What it has not read yet, in order; snapshots come when nothing else is left. */
  #take(): string {
    let text = ''
    if (this.#greeting !== '') {
      text = `id: ${this.#id}\n${this.#greeting}`
      this.#greeting = ''
    }
    for (let kept = this.#nextKept(); kept; kept = this.#nextKept()) {
      this.#number = kept.number
      if (this.#wants(kept.value.body.type)) text += `id: ${this.#id}\n${textOf(kept.value)}`
      if (text.length > chunkCharacters) return text
    }
    if (!this.#wants('snapshot')) return text
    for (const [backend, { version, text: snapshot }] of this.#source.snapshots) {
      if (this.#shown.get(backend) === version) continue
      this.#shown.set(backend, version)
      text += `id: ${this.#id}\n${snapshot}`
    }
    return text
  }

  #wants(type: EventType): boolean {
    return this.#reading.types?.has(type) ?? true
  }

  /** Of all rings, the event that came first. */
  #nextKept(): Kept<Told> | undefined {
    const { rings } = this.#source
    const places = this.#places
    let from = -1
    let next: Kept<Told> | undefined
    for (let index = 0; index < rings.length; index++) {
      const kept = rings[index]!.at(places[index]!)
      if (!kept || (next && next.number < kept.number)) continue
      from = index
      next = kept
    }
    if (next) places[from]!++
    return next
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    this.#hungry?.()
    this.#hungry = undefined
    this.#source.forget(this)
  }
}
