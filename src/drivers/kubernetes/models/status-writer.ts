import type { Api, VllmModelObject } from '../api/index.ts'
import type { DriverLog } from '../options.ts'
import { modelEvent } from './events.ts'
import { statusPatch } from './status.ts'
import type { LiveModels, ModelReport, ModelStatusWriter } from './types.ts'

/** A start goes through several steps in no time; the last one is worth a write. */
const settleMs = 200
const firstRetryMs = 1_000
const longestRetryMs = 60_000
/** For the last words at the end of the program. */
const lastWordsMs = 2_000

export interface ModelStatusOptions {
  readonly api: Pick<Api, 'patch' | 'create' | 'namespace'>
  /** The models as they are, from the catalogue. */
  readonly live: LiveModels
  /** Whether this program may speak for the cluster now; asked before each write. */
  readonly leads: () => boolean
  readonly log: Pick<DriverLog, 'info' | 'warn'>
}

/** What has been written of one model. */
interface Written {
  /** As the API answered. */
  readonly object: VllmModelObject
  /** What was to be said. */
  readonly text: string
}

/** Keeps the statuses of the VLLMModels as they are reported, whatever becomes of the API meanwhile. */
export function createModelStatus(options: ModelStatusOptions): ModelStatusWriter {
  const { api, live, leads, log } = options
  const written = new Map<string, Written>()
  const troubles = new Map<string, string>()
  const end = new AbortController()
  const events = new Set<Promise<void>>()
  let reports: readonly ModelReport[] = []
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> | undefined
  let isStale = false
  let failures = 0
  let closing: Promise<void> | undefined

  const stopListening = live.onChange(settleSoon)

  /** While writes fail, the pause before the next try is not cut short. */
  function settleSoon(): void {
    isStale = true
    if (closing || writing || timer) return
    timer = setTimeout(settle, failures === 0 ? settleMs : pauseAfter(failures)).unref()
  }

  function settle(): void {
    clearTimeout(timer)
    timer = undefined
    isStale = false
    writing = writeAll().then((isDone) => {
      writing = undefined
      failures = isDone ? 0 : failures + 1
      if (isStale || !isDone) settleSoon()
    })
  }

  /** False when something could not be written. Never rejects. */
  async function writeAll(): Promise<boolean> {
    let isDone = true
    for (const report of reports) {
      if (!leads() || end.signal.aborted) return true
      const object = objectOf(report.source)
      if (object && !(await write(report, object))) isDone = false
    }
    return isDone
  }

  /** The newest that is known of it: its watch may not have told yet what we wrote. */
  function objectOf(source: string): VllmModelObject | undefined {
    const name = nameIn(source)
    const watched = name === undefined ? undefined : live.objects.get(name)
    const own = written.get(source)?.object
    const isOwnNewer =
      own !== undefined &&
      own.metadata.uid === watched?.metadata.uid &&
      !isOlder(own.metadata.resourceVersion, watched?.metadata.resourceVersion)
    return isOwnNewer ? own : watched
  }

  async function write(report: ModelReport, object: VllmModelObject): Promise<boolean> {
    const { source } = report
    const status = statusPatch(report, object, new Date())
    if (status === undefined) return true
    // A server whose schema lacks a field drops it; writing it again would never end.
    const text = textOf(report, object)
    const last = written.get(source)
    if (last !== undefined && last.object === object && last.text === text) return true
    try {
      const { name = '' } = object.metadata
      const call = { subresource: 'status', signal: end.signal } as const
      const answer = await api.patch('VLLMModel', name, { status }, call)
      written.set(source, { object: answer, text: textOf(report, answer) })
      if (troubles.delete(source)) log.info({ source }, `the status of ${source} is written again`)
      return true
    } catch (error) {
      const isGone = codeOf(error) === 404 && objectOf(source) === undefined
      if (end.signal.aborted || isGone) return true
      const message = `the status of ${source} cannot be written: ${(error as Error).message}`
      if (troubles.get(source) !== message) log.warn({ source }, message)
      troubles.set(source, message)
      return false
    }
  }

  function nameIn(source: string): string | undefined {
    const prefix = `${api.namespace}/`
    return source.startsWith(prefix) ? source.slice(prefix.length) : undefined
  }

  async function tell(source: string, event: ReturnType<typeof modelEvent>): Promise<void> {
    try {
      await api.create(event, { signal: end.signal })
    } catch (error) {
      const message = `an event on ${source} cannot be written: ${(error as Error).message}`
      log.warn({ source, reason: event.reason }, message)
    }
  }

  return {
    report(next) {
      reports = next
      const sources = new Set(next.map(({ source }) => source))
      for (const source of written.keys()) if (!sources.has(source)) written.delete(source)
      settleSoon()
    },
    event(source, type, reason, message) {
      const object = objectOf(source)
      if (closing || object === undefined || !leads()) return
      const telling = tell(source, modelEvent(object, type, reason, message, new Date()))
      events.add(telling)
      void telling.finally(() => events.delete(telling))
    },
    close: () => (closing ??= sayLastWords()),
  }

  async function sayLastWords(): Promise<void> {
    stopListening()
    const tooLate = setTimeout(() => end.abort(), lastWordsMs)
    clearTimeout(timer)
    await writing
    if (isStale || failures > 0) await writeAll()
    await Promise.all(events)
    clearTimeout(tooLate)
    end.abort()
  }
}

function textOf(report: ModelReport, { metadata }: VllmModelObject): string {
  const minute = report.lastUsed && Math.floor(report.lastUsed.getTime() / 60_000)
  return JSON.stringify({ ...report, lastUsed: minute, generation: metadata.generation })
}

function pauseAfter(failures: number): number {
  const longest = Math.min(firstRetryMs * 2 ** (failures - 1), longestRetryMs)
  return longest * (0.75 + Math.random() / 4)
}

/** Versions are numbers in every store there is; where they are not, the watch is believed. */
function isOlder(own: string | undefined, watched: string | undefined): boolean {
  return own !== watched && !(Number(own) > Number(watched))
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code
}
