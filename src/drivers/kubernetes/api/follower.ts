import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { KubernetesObject, V1ListMeta } from '@kubernetes/client-node'
import { ApiFault } from './fault.ts'
import { backoffMs, type Outgoing, type Transport } from './transport.ts'

/** Bookmarks come every minute; a watch that is silent for longer is dead. */
const defaultSilenceMs = 90_000
/** A watch that ends sooner has failed, whatever it says. */
const shortestWatchMs = 1_000
const defaultRelistMs = 5 * 60_000

export interface FollowOptions {
  readonly labelSelector?: string
  readonly fieldSelector?: string
  /** Everything is asked for again after so long, since watches can miss something for good. */
  readonly relistMs?: number
  /** A watch that says nothing for so long, not even a bookmark, is begun anew. */
  readonly silenceMs?: number
}

/** Objects of one kind, kept true. */
export interface Follower<T> {
  /** By name; complete after the first list. */
  readonly objects: ReadonlyMap<string, T>
  /** Resolves after the first list. */
  readonly synced: Promise<void>
  /** In words, while they cannot be followed; what was known stays. */
  readonly trouble: string | undefined
  /** Asks for all of them now. @throws ApiFault */
  refresh(): Promise<void>
  close(): void
}

export interface FollowParts {
  readonly transport: Transport
  readonly path: string
  /** For messages: `Pods in ai`. */
  readonly what: string
  readonly timeoutMs: number
  readonly log: {
    warn(fields: object, message: string): void
    info(fields: object, message: string): void
    error(fields: object, message: string): void
  }
}

interface ListAnswer<T> {
  readonly metadata?: V1ListMeta
  readonly items?: readonly T[]
}

interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: T & { readonly code?: number; readonly message?: string }
}

/**
 * List and watch: `onChange` gets the whole map after each change. It survives whatever becomes of the
 * connection, and tells the same state twice rather than miss one.
 */
export function follow<T extends KubernetesObject>(
  parts: FollowParts,
  options: FollowOptions,
  onChange: (objects: ReadonlyMap<string, T>) => void,
): Follower<T> {
  const { transport, path, what, timeoutMs, log } = parts
  const { labelSelector, fieldSelector } = options
  const { relistMs = defaultRelistMs, silenceMs = defaultSilenceMs } = options
  const end = new AbortController()
  const first = Promise.withResolvers<void>()
  first.promise.catch(() => {})
  let objects: ReadonlyMap<string, T> = new Map()
  /** Events up to this version are in the list already. */
  let floor = 0
  let trouble: string | undefined
  let hasSynced = false

  function tell(): void {
    if (end.signal.aborted) return
    try {
      onChange(objects)
    } catch (error) {
      log.error({ err: error, following: what }, `what follows ${what} failed`)
    }
  }

  function outgoing(query: Outgoing['query'], budgetMs = 0, within = timeoutMs): Outgoing {
    return {
      method: 'GET',
      path,
      query: { labelSelector, fieldSelector, ...query },
      signal: end.signal,
      what: `follow ${what}`,
      budgetMs,
      timeoutMs: within,
    }
  }

  async function list(isRefresh: boolean): Promise<string> {
    const text = await transport.text(outgoing({}, isRefresh ? timeoutMs : 0))
    const { metadata, items = [] } = JSON.parse(text) as ListAnswer<T>
    const version = metadata?.resourceVersion ?? ''
    // A watch may have told something newer meanwhile. Without one, versions may have begun anew.
    if (!isRefresh || !hasSynced || Number(version) >= floor) {
      floor = Number(version)
      objects = new Map(items.map((item) => [item.metadata?.name ?? '', item]))
    }
    const isFirst = !hasSynced
    hasSynced = true
    tell()
    if (isFirst) first.resolve()
    return version
  }

  function take({ type, object }: WatchEvent<T>): void {
    const version = Number(object.metadata?.resourceVersion)
    if (version <= floor) return
    floor = version
    if (type === 'BOOKMARK') return
    const next = new Map(objects)
    const name = object.metadata?.name ?? ''
    if (type === 'DELETED') next.delete(name)
    else next.set(name, object)
    objects = next
    tell()
  }

  /** Resolves when the watch has ended in its usual way. @throws where it has not */
  async function watch(from: string, forMs: number): Promise<void> {
    const broken = new AbortController()
    const signal = AbortSignal.any([end.signal, broken.signal])
    const query = {
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion: from,
      timeoutSeconds: Math.max(1, Math.ceil(forMs / 1_000)),
    }
    const { body } = await transport.open({ ...outgoing(query), signal })
    recovered()
    let cut: Error | undefined
    const noteCut = (error: Error) => {
      cut ??= error
    }
    body.on('error', noteCut)
    // It passes on the errors of its input.
    const lines = createInterface({ input: body }).on('error', noteCut)
    const silence = setTimeout(() => broken.abort(new Error('the watch went silent')), silenceMs)
    const over = setTimeout(() => broken.abort(), forMs + timeoutMs)
    silence.unref()
    over.unref()
    try {
      for await (const line of lines) {
        silence.refresh()
        if (line === '') continue
        const event = JSON.parse(line) as WatchEvent<T>
        if (event.type === 'ERROR') {
          const { code = 0, message = 'the watch ended with an error' } = event.object
          throw new ApiFault({ code, message: `follow ${what}: ${message}` })
        }
        take(event)
      }
      if (cut) throw cut
    } finally {
      clearTimeout(silence)
      clearTimeout(over)
      body.destroy()
    }
  }

  function recovered(): void {
    if (trouble !== undefined) log.info({ following: what }, `${what} can be followed again`)
    trouble = undefined
  }

  function failed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    if (trouble === undefined) log.warn({ following: what }, `cannot follow ${what}: ${message}`)
    trouble = message
  }

  async function run(): Promise<void> {
    let attempt = 0
    let version: string | undefined
    let relistAt = 0
    while (!end.signal.aborted) {
      const begun = performance.now()
      try {
        if (version === undefined || begun >= relistAt) {
          version = await list(false)
          relistAt = performance.now() + relistMs * (0.8 + Math.random() * 0.4)
          recovered()
        }
        const watchedFrom = performance.now()
        await watch(floor > 0 ? String(floor) : version, Math.max(1_000, relistAt - watchedFrom))
        if (performance.now() - watchedFrom >= shortestWatchMs) {
          attempt = 0
          continue
        }
        attempt++
      } catch (error) {
        if (end.signal.aborted) return
        // A version that is gone (410) is no trouble, only a reason to list.
        const isExpired = error instanceof ApiFault && error.code === 410
        if (!isExpired) failed(error)
        version = undefined
        attempt = performance.now() - begun > longRunMs ? 1 : attempt + 1
        const asked = error instanceof ApiFault ? (error.retryAfterMs ?? 0) : 0
        await pause(Math.max(asked, isExpired && attempt === 1 ? 0 : backoffMs(attempt)))
        continue
      }
      await pause(backoffMs(attempt))
    }
  }

  async function pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: end.signal }).catch(() => undefined)
  }

  void run()
  return {
    get objects() {
      return objects
    },
    synced: first.promise,
    get trouble() {
      return trouble
    },
    async refresh() {
      await list(true)
    },
    close() {
      end.abort(new Error('no longer followed'))
      first.reject(new Error(`${what}: no longer followed`))
    },
  }
}

/** What went well for so long has not failed in a row. */
const longRunMs = 10_000
