import type { Clock, Transition } from '../admission/index.ts'
import type { BackendStatus, HistoryAnswer } from '../operations/index.ts'
import { Timeline, type Span } from './timeline.ts'

const usualBounds = { keptMs: 12 * 3_600_000, most: 2_000 }

interface Stay extends Span {
  readonly state: string
  readonly model: string | undefined
}

interface Wait extends Span {
  readonly model: string
  peak: number
}

/**
 * Which backend had which model when, and who waited, for the last hours. What is busy again after a
 * short pause counts as one span.
 */
export function createHistory(clock: Clock, bounds = usualBounds) {
  const stays = new Map<string, Timeline<Stay>>()
  const waits = new Timeline<Wait>(bounds, joinWaits)
  const open = new Map<string, Wait>()
  const startedAt = clock.now()
  let status: () => readonly BackendStatus[] = () => []

  function staysOf(backend: string): Timeline<Stay> {
    let timeline = stays.get(backend)
    if (!timeline) stays.set(backend, (timeline = new Timeline(bounds, joinStays)))
    return timeline
  }

  return {
    /** From now on there are backends to look at. */
    attach(fleet: { status(): readonly BackendStatus[] }): void {
      status = () => fleet.status()
    },

    onTransition({ backend, from: before, to: state, model, afterMs }: Transition): void {
      const now = clock.now()
      const timeline = staysOf(backend)
      const { last } = timeline
      if (last) last.to = now
      // Nobody tells in which state a backend was first seen: its first step says where it was.
      else timeline.add(stay(before, model, now - afterMs, now))
      timeline.add(stay(state, model, now, null))
    },

    /** So many wait for a model now. */
    onWaiting(model: string, count: number): void {
      const wait = open.get(model)
      if (wait && count > 0) wait.peak = Math.max(wait.peak, count)
      else if (wait) {
        wait.to = clock.now()
        open.delete(model)
      } else if (count > 0) {
        open.set(model, waits.add({ model, from: clock.now(), to: null, peak: count }))
      }
    },

    /** From `since` on, ms; all that is kept unless given. */
    read(since = -Infinity): HistoryAnswer {
      const now = clock.now()
      const from = Math.max(since, now - bounds.keptMs, startedAt)
      return {
        since: isoTime(from),
        until: isoTime(now),
        backends: status().map((seen) => ({
          backend: seen.name,
          spans: (stays.get(seen.name)?.since(from) ?? [standing(seen)]).map(toldStay),
        })),
        waits: waits.since(from).map(toldWait),
      }
    },
  }
}

function stay(state: string, model: string | undefined, from: number, to: number | null): Stay {
  return { state, model: state === 'cold' ? undefined : model, from, to }
}

/** A backend that has not moved since it was first seen. */
function standing({ state, model, since }: BackendStatus): Stay {
  return stay(state, model, Date.parse(since), null)
}

/** Serving again after a short pause: it served all the time. */
function joinStays(stays: Stay[], apartMs: number): Stay {
  const [before, pause, newest] = stays.slice(-3) as [Stay, Stay?, Stay?]
  if (!pause || !newest) return stays.at(-1)!
  const isPause =
    pause.state === 'ready.quiet' && pause.to !== null && pause.to - pause.from < apartMs
  if (!isPause || before.state !== 'ready.serving' || newest.state !== before.state) return newest
  before.to = newest.to
  stays.length -= 2
  return before
}

function joinWaits(waits: Wait[], apartMs: number): Wait {
  const newest = waits.at(-1)!
  const before = waits.findLast((wait) => wait !== newest && wait.model === newest.model)
  if (!before || before.to === null || newest.from - before.to >= apartMs) return newest
  before.to = newest.to
  before.peak = Math.max(before.peak, newest.peak)
  waits.length -= 1
  return before
}

function toldStay({ state, model, from, to }: Stay) {
  return { state, ...(model !== undefined && { model }), ...times({ from, to }) }
}

function toldWait({ model, from, to, peak }: Wait) {
  return { model, ...times({ from, to }), peak }
}

function times({ from, to }: Span) {
  return { from: isoTime(from), to: to === null ? null : isoTime(to) }
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}
