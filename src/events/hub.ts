import type { BackendFact } from '../../machines/index.ts'
import type { Clock, Lease, PhaseReached, Transition } from '../admission/index.ts'
import type { Catalogue } from '../catalogue/index.ts'
import { ChillError } from '../errors/index.ts'
import type { BackendStatus, EventReading } from '../operations/index.ts'
import type { RequestRecord } from '../proxy/index.ts'
import { eventText, sizeOf, type Told } from './event-text.ts'
import { Reader, type Source } from './reader.ts'
import { replayFrom, type Replay } from './replay.ts'
import { Ring, type RingBounds } from './ring.ts'
import { admittedEvent, endOfRequest, factEvent, progressEvent, transitionEvent } from './tell.ts'
import type { EventBody, EventType } from './types.ts'

/** Steps of the backends, facts, changes of the catalogue: what explains the last hours. */
const backendBounds: RingBounds = { count: 2_000, bytes: 2 * 1024 * 1024 }
/** Requests have a ring of their own, so that a busy minute does not drive the others out. */
const requestBounds: RingBounds = { count: 8_192, bytes: 4 * 1024 * 1024 }
/** What happens within it is written at once. */
const batchMs = 50
/** From one snapshot of a backend to its next. */
const snapshotEveryMs = 250
/** A reader that is gone is noticed, and no proxy on the way gives up. */
const commentEveryMs = 15_000
const maxReaders = 64
/** At the end, for who is just taking something. */
const goodbyeMs = 1_000
/** What one event of a request may take: ids have at most 200 characters. */
const requestSize = 512

export interface HubOptions {
  readonly version: string
  readonly clock: Clock
  readonly bounds?: { readonly backends: RingBounds; readonly requests: RingBounds }
}

/** What the hub looks at when somebody reads. */
interface Watched {
  readonly startedAt: string
  status(): readonly BackendStatus[]
}

export type EventHub = ReturnType<typeof createEventHub>

/**
 * Takes in what happens and tells it to whoever reads. Taking in is an object put into a ring: nothing
 * is written as text, and nobody is told, before somebody asks.
 */
export function createEventHub({ version, clock, bounds }: HubOptions) {
  const epoch = Math.round(clock.now())
  const backendRing = new Ring<Told>(bounds?.backends ?? backendBounds)
  const requestRing = new Ring<Told>(bounds?.requests ?? requestBounds)
  const readers = new Set<Reader>()
  const snapshots = new Map<string, { version: number; text: string; at: number }>()
  const changed = new Set<string>()
  const source: Source = {
    rings: [backendRing, requestRing],
    idOf: (number) => `${epoch}-${number}`,
    snapshots,
    forget: (reader) => {
      readers.delete(reader)
      if (readers.size === 0) rest()
    },
  }
  let watched: Watched = { startedAt: new Date(epoch).toISOString(), status: () => [] }
  let stopWatching = () => {}
  let number = 0
  let shownSoFar = 0
  let batch: unknown
  let snapshotTimer: unknown
  let commentTimer: unknown
  let lastTimer: unknown
  let closed = false

  function put(ring: Ring<Told>, body: EventBody, size: number): void {
    ring.push({ number: ++number, value: { at: clock.now(), body, text: undefined } }, size)
    if (readers.size > 0 && !closed) batch ??= clock.setTimeout(feed, batchMs)
  }

  function tell(body: EventBody): void {
    put(backendRing, body, sizeOf(body))
  }

  function feed(): void {
    batch = undefined
    for (const reader of readers) {
      if (reader.isSlow) reader.drop('the reader is too slow')
      else reader.feed()
    }
  }

  /** Its status is another one: told soon, but not more often than anybody can look. */
  function touch(backend: string): void {
    if (readers.size === 0 || closed || changed.has(backend)) return
    changed.add(backend)
    snapshotTimer ??= clock.setTimeout(showChanged, batchMs)
  }

  function showChanged(): void {
    snapshotTimer = undefined
    const now = clock.now()
    const due = [...changed].filter((name) => now - lastShown(name) >= snapshotEveryMs)
    if (due.length > 0) {
      for (const status of watched.status()) if (due.includes(status.name)) show(status)
      for (const name of due) changed.delete(name)
      for (const reader of readers) reader.feed()
    }
    if (changed.size === 0 || readers.size === 0) return
    const next = Math.min(...[...changed].map((name) => lastShown(name) + snapshotEveryMs))
    snapshotTimer = clock.setTimeout(showChanged, Math.max(1, next - now))
  }

  const lastShown = (backend: string) => snapshots.get(backend)?.at ?? -Infinity

  function show(backend: BackendStatus): void {
    const at = clock.now()
    const text = eventText(at, { type: 'snapshot', backend })
    snapshots.set(backend.name, { version: ++shownSoFar, text, at })
  }

  function comment(): void {
    for (const reader of readers) reader.comment()
    commentTimer = clock.setTimeout(comment, commentEveryMs)
  }

  function dropRest(): void {
    for (const reader of readers) reader.drop('the program ends')
  }

  /** With nobody there, no timer runs. */
  function rest(): void {
    for (const timer of [batch, snapshotTimer, commentTimer, lastTimer]) {
      if (timer !== undefined) clock.clearTimeout(timer)
    }
    batch = snapshotTimer = commentTimer = lastTimer = undefined
    changed.clear()
  }

  /** A stream of all that happens from now on, after what is asked for of before. */
  function open(reading: EventReading): ReadableStream<Uint8Array> {
    if (closed) throw new ChillError('shutting_down', 'vllm-chill is stopping and tells no more.')
    if (readers.size >= maxReaders) {
      throw new ChillError('queue_full', `${readers.size} read the events already`, {
        retryAfterS: 5,
      })
    }
    const backends = watched.status()
    for (const status of backends) show(status)
    const replay: Replay = replayFrom(source.rings, { epoch, number, ...reading })
    const reader = new Reader(source, {
      greeting: eventText(clock.now(), {
        type: 'hello',
        version,
        startedAt: watched.startedAt,
        backends: backends.map(({ name }) => name),
        missed: replay.missed,
      }),
      after: replay.after,
      types: reading.types && new Set(reading.types as readonly EventType[]),
      follow: reading.follow,
    })
    readers.add(reader)
    commentTimer ??= clock.setTimeout(comment, commentEveryMs)
    return reader.stream
  }

  return {
    /** From now on there are backends to show. */
    attach(fleet: Watched, catalogue: Pick<Catalogue, 'models' | 'problems' | 'subscribe'>): void {
      watched = fleet
      stopWatching = catalogue.subscribe(() => {
        const { models, problems } = catalogue
        tell({ type: 'models', models: [...models.keys()], problems })
      })
    },

    onTransition(transition: Transition): void {
      tell(transitionEvent(transition))
      touch(transition.backend)
    },

    onPhase(reached: PhaseReached): void {
      tell(progressEvent(reached))
      touch(reached.backend)
    },

    onFact(fact: BackendFact): void {
      tell(factEvent(fact, clock.now()))
      touch(fact.backend)
    },

    onAdmitted(lease: Lease): void {
      put(requestRing, admittedEvent(lease), requestSize)
      touch(lease.backend)
    },

    /** One more waits at a backend, or one less. */
    onWaiting: touch,

    onRequest(record: RequestRecord): void {
      put(requestRing, endOfRequest(record), requestSize)
      if (record.backend !== undefined) touch(record.backend)
    },

    open,

    get readers(): number {
      return readers.size
    },

    /** Says goodbye to whoever listens; nothing is told after it. */
    close(): void {
      closed = true
      // The last steps have just been told: nobody is to be left with a snapshot from before them.
      for (const status of watched.status()) if (changed.has(status.name)) show(status)
      stopWatching()
      const goodbye = eventText(clock.now(), { type: 'goodbye' })
      rest()
      for (const reader of readers) reader.finish(goodbye)
      if (readers.size > 0) lastTimer = clock.setTimeout(dropRest, goodbyeMs)
    },
  }
}
