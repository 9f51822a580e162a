import type { V1Lease } from '@kubernetes/client-node'
import { ApiFault, type Api } from '../api/index.ts'
import type { DriverLog } from '../options.ts'
import {
  nothingInProgress,
  readLease,
  writeLease,
  type FollowersRecord,
  type LeaseRecord,
  type Progress,
} from './record.ts'

/** As in Kubernetes' own components; all in ms. */
export interface LeaseTimes {
  /** After it without a sign of the leader, another one takes over. */
  readonly durationMs: number
  /** After it without a renewal, the leader itself changes nothing any more. */
  readonly renewDeadlineMs: number
  /** Between two renewals. */
  readonly renewEveryMs: number
  /** Between two looks of a follower, and so how late it learns of anything. */
  readonly lookEveryMs: number
}

export const defaultLeaseTimes: LeaseTimes = {
  durationMs: 15_000,
  renewDeadlineMs: 10_000,
  renewEveryMs: 2_000,
  lookEveryMs: 1_000,
}

/** A follower signs at least so often; one that has not for longer than a lease lasts is gone. */
const signEveryMs = 5_000
/** While the leader waits for its followers to have seen something. */
const askEveryMs = 100

export interface LeadershipOptions {
  readonly api: Pick<Api, 'get' | 'create' | 'replace' | 'namespace'>
  /** Name of the Lease. */
  readonly name: string
  /** Of this program; no other one that lives has the same. */
  readonly identity: string
  readonly log: DriverLog
  readonly times?: LeaseTimes
}

/** Thrown where something is to be changed without the right to. */
export class NotLeading extends Error {
  override readonly name = 'NotLeading'
}

/** The right to change anything: one program has it, and says in the same place what it is doing. */
export interface Leadership {
  readonly leads: boolean
  /** Who leads as far as is known: this program or another. */
  readonly leader: string | undefined
  /** What the leader is doing to which backend; what the last one left behind, if none leads. */
  readonly progress: Readonly<Record<string, Progress>>
  /** Called when any of the above has changed. A listener that throws is the caller's defect. */
  subscribe(listener: () => void): () => void
  /** @throws NotLeading */
  assertLeads(): void
  /** Says what is being done to a backend; undefined: nothing any more. @throws NotLeading */
  note(backend: string, progress: Progress | undefined): Promise<void>
  /** Resolves when every program that follows has acted on what was noted last, or is gone. */
  untilFollowersSaw(signal: AbortSignal): Promise<void>
  /** Gives the lease back, so that the next one need not wait for it to run out. */
  close(): Promise<void>
}

export function startLeadership(options: LeadershipOptions): Leadership {
  const { api, name, identity, log, times = defaultLeaseTimes } = options
  const listeners = new Set<() => void>()
  const place = { name, namespace: api.namespace }
  let live: V1Lease | undefined
  let record: LeaseRecord | undefined
  /** When the leader last gave a sign, by our own clock: those of others may be wrong. */
  let lastSignAt = performance.now()
  /** When each follower last signed, by our own clock. */
  const followerSigns = new Map<string, { at: string; seenAt: number }>()
  let renewedAt = Number.NEGATIVE_INFINITY
  let signedAt = Number.NEGATIVE_INFINITY
  let leads = false
  let trouble: string | undefined
  let timer: NodeJS.Timeout | undefined
  let deadline: NodeJS.Timeout | undefined
  let isClosed = false
  /** One conversation with the API at a time, so that our own writes never meet. */
  let last: Promise<unknown> = Promise.resolve()

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = last.then(work, work)
    last = next.catch(() => {})
    return next
  }

  function tell(): void {
    for (const listener of listeners) listener()
  }

  function adopt(lease: V1Lease): LeaseRecord {
    const next = readLease(lease)
    const before = record
    live = lease
    record = next
    const isSign =
      next.renewTime !== before?.renewTime ||
      next.holder !== before.holder ||
      next.transitions !== before.transitions
    if (isSign) lastSignAt = performance.now()
    for (const [follower, { at }] of Object.entries(next.followers)) {
      if (followerSigns.get(follower)?.at !== at) {
        followerSigns.set(follower, { at, seenAt: performance.now() })
      }
    }
    if (next.holder !== identity && leads) step(false)
    else if (next.progress.version !== before?.progress.version || next.holder !== before.holder) {
      tell()
    }
    return next
  }

  function step(to: boolean): void {
    if (leads === to) return
    leads = to
    log[to ? 'info' : 'warn'](
      { lease: name, identity, leader: record?.holder },
      to
        ? `leading: this program may change what is in ${api.namespace}`
        : `not leading any more (${record?.holder === identity ? 'the lease could not be renewed' : `${record?.holder || 'nobody'} has the lease`}); what is warm is served on`,
    )
    tell()
  }

  function renewed(at: number): void {
    renewedAt = at
    clearTimeout(deadline)
    deadline = setTimeout(() => step(false), times.renewDeadlineMs - (performance.now() - at))
    deadline.unref()
    step(true)
  }

  const isFree = (of: LeaseRecord): boolean =>
    of.holder === '' ||
    of.holder === identity ||
    performance.now() - lastSignAt > Math.max(of.durationMs, 1_000)

  /** Followers that have given a sign lately. */
  function followersOf(of: LeaseRecord): FollowersRecord {
    return Object.fromEntries(
      Object.entries(of.followers).filter(([follower]) => {
        const sign = followerSigns.get(follower)
        return (
          follower !== identity &&
          sign !== undefined &&
          performance.now() - sign.seenAt < times.durationMs
        )
      }),
    )
  }

  async function write(change: Partial<LeaseRecord>, renew = true): Promise<LeaseRecord> {
    const at = performance.now()
    const base = record ?? { transitions: 0, progress: nothingInProgress, followers: {} }
    const next = writeLease(place, live, {
      holder: identity,
      durationMs: times.durationMs,
      transitions: base.transitions,
      progress: base.progress,
      followers: record === undefined ? {} : followersOf(record),
      ...change,
      renew,
    })
    const written = await (live === undefined ? api.create(next) : api.replace(next))
    const result = adopt(written)
    if (result.holder === identity) renewed(at)
    return result
  }

  async function look(): Promise<LeaseRecord | undefined> {
    const lease = await api.get('Lease', name)
    if (lease !== undefined) return adopt(lease)
    live = undefined
    record = undefined
    return undefined
  }

  /** Renews, takes over, or signs as a follower. */
  async function round(): Promise<void> {
    // The leader's own copy is the newest, until a write says otherwise.
    const seen = leads && record ? record : await look()
    if (seen === undefined || isFree(seen)) {
      const taking = seen !== undefined && seen.holder !== identity
      await write(taking ? { transitions: seen.transitions + 1 } : {})
      return
    }
    await sign(seen)
  }

  async function sign(seen: LeaseRecord): Promise<void> {
    const mine = seen.followers[identity]
    const isDue = performance.now() - signedAt > signEveryMs
    if (mine?.seen === seen.progress.version && !isDue) return
    signedAt = performance.now()
    // Whoever listens has acted on what it saw before this line is reached.
    const signature = { seen: seen.progress.version, at: new Date().toISOString() }
    const { holder, durationMs } = seen
    const followers = { ...seen.followers, [identity]: signature }
    await write({ holder, durationMs, followers }, false)
  }

  /** Or the leader would wait for this program until its sign is too old. */
  async function unsign(): Promise<void> {
    if (record === undefined) return
    const { holder, durationMs, followers } = record
    const { [identity]: _, ...others } = followers
    await write({ holder, durationMs, followers: others }, false)
  }

  async function conflictsAside(work: () => Promise<unknown>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await work()
        return
      } catch (error) {
        // Somebody else wrote, or deleted it.
        const isStale = error instanceof ApiFault && (error.code === 409 || error.code === 404)
        if (!isStale || attempt === 5) throw error
        await look()
      }
    }
  }

  /** Trouble of the API server is nobody's failure: it is tried again for as long as this one leads. */
  async function untilLost(work: () => Promise<unknown>): Promise<void> {
    for (;;) {
      assertLeads()
      try {
        await conflictsAside(work)
        return
      } catch (error) {
        if (!(error instanceof ApiFault) || !error.isPassing) throw error
        await new Promise((resolve) => setTimeout(resolve, askEveryMs))
        // Whether it arrived is not known.
        await look().catch(() => undefined)
      }
    }
  }

  function again(afterMs: number): void {
    if (isClosed) return
    timer = setTimeout(() => {
      void inTurn(() => conflictsAside(round)).then(
        () => {
          if (trouble !== undefined) log.info({ lease: name }, 'the lease can be reached again')
          trouble = undefined
          again(leads ? times.renewEveryMs : times.lookEveryMs)
        },
        (error: unknown) => {
          const message = error instanceof Error ? error.message : String(error)
          if (trouble === undefined)
            log.warn({ lease: name }, `the lease cannot be had: ${message}`)
          trouble = message
          again(times.lookEveryMs)
        },
      )
    }, afterMs)
    timer.unref()
  }
  again(0)

  function assertLeads(): void {
    const isFresh = performance.now() - renewedAt < times.renewDeadlineMs
    if (leads && isFresh && !isClosed) return
    // Whoever listens is told before anything fails for it.
    step(false)
    throw new NotLeading(`another program may change this: the lease ${name} is not held`)
  }

  return {
    get leads() {
      return leads
    },
    get leader() {
      return record?.holder || undefined
    },
    get progress() {
      return record?.progress.backends ?? {}
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    assertLeads,
    note: (backend, progress) =>
      inTurn(() =>
        untilLost(async () => {
          const { version, backends } = record?.progress ?? nothingInProgress
          const { [backend]: before, ...others } = backends
          if (progress === undefined && before === undefined) return
          const after = progress === undefined ? others : { ...others, [backend]: progress }
          await write({ progress: { version: version + 1, backends: after } })
        }),
      ),
    async untilFollowersSaw(signal) {
      const version = record?.progress.version ?? 0
      for (;;) {
        signal.throwIfAborted()
        assertLeads()
        const late = Object.values(record ? followersOf(record) : {}).some(
          ({ seen }) => seen < version,
        )
        if (!late) return
        await new Promise((resolve) => setTimeout(resolve, askEveryMs))
        await inTurn(look).catch(() => undefined)
      }
    },
    async close() {
      isClosed = true
      clearTimeout(timer)
      clearTimeout(deadline)
      listeners.clear()
      await inTurn(async () => {
        if (leads) {
          leads = false
          await conflictsAside(() => write({ holder: '', durationMs: 1_000 }))
        } else if (record?.followers[identity]) {
          await conflictsAside(unsign)
        }
      }).catch((error: unknown) => {
        log.warn({ lease: name, err: error }, 'the lease could not be given back; it runs out')
      })
    },
  }
}
