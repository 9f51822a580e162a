import type { V1Lease } from '@kubernetes/client-node'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ApiFault } from '../../../../../src/drivers/kubernetes/api/index.ts'
import {
  NotLeading,
  startLeadership,
  type Leadership,
} from '../../../../../src/drivers/kubernetes/leadership/index.ts'

const log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() }
const starting = {
  doing: 'starting',
  model: 'a',
  revision: '1',
  since: '2026-01-01T00:00:00Z',
} as const

/** One Lease as an API server keeps it: every write has its precondition. */
class Store {
  lease: V1Lease | undefined
  #version = 0

  /** The API as one program reaches it, or does not. */
  connection() {
    const connection = { namespace: 'ai-apps', isAway: false, get, create, replace }
    const answer = () => {
      if (connection.isAway) throw fault(0)
    }
    const store = (lease: unknown) => {
      const stored = JSON.parse(JSON.stringify(lease)) as V1Lease
      stored.metadata!.resourceVersion = String(++this.#version)
      this.lease = stored
      return structuredClone(stored) as never
    }
    const current = () => this.lease
    async function get(): Promise<never> {
      answer()
      return structuredClone(current()) as never
    }
    async function create(lease: unknown): Promise<never> {
      answer()
      if (current()) throw fault(409)
      return store(lease)
    }
    async function replace(lease: unknown): Promise<never> {
      answer()
      if (!current()) throw fault(404)
      const given = (lease as V1Lease).metadata?.resourceVersion
      if (given !== current()?.metadata?.resourceVersion) throw fault(409)
      return store(lease)
    }
    return connection
  }

  /** Somebody edits it by hand. */
  edit(change: (lease: V1Lease) => void): void {
    change(this.lease!)
    this.lease!.metadata!.resourceVersion = String(++this.#version)
  }
}

function fault(code: number): ApiFault {
  return new ApiFault({ code, message: `answered ${code}` })
}

const leaderships: Leadership[] = []

function join(
  store: Store,
  identity: string,
  api: ReturnType<Store['connection']> = store.connection(),
): Leadership {
  const leadership = startLeadership({ api, name: 'vllm-chill', identity, log })
  leaderships.push(leadership)
  return leadership
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(async () => {
  for (const leadership of leaderships.splice(0)) void leadership.close()
  await pass(1)
  vi.useRealTimers()
})

describe('leadership', () => {
  it('goes to the first one, and to nobody else while that one lives', async () => {
    const store = new Store()
    const one = join(store, 'one')
    await pass(1)
    expect(one.leads).toBe(true)
    const two = join(store, 'two')
    await pass(60_000)
    expect([one.leads, two.leads]).toEqual([true, false])
    expect(two.leader).toBe('one')
    expect(() => two.assertLeads()).toThrow(NotLeading)
    expect(() => one.assertLeads()).not.toThrow()
  })

  it('passes on within a second when the leader gives it back', async () => {
    const store = new Store()
    const one = join(store, 'one')
    await pass(1)
    const two = join(store, 'two')
    await pass(5_000)
    void one.close()
    await pass(1_001)
    expect(two.leads).toBe(true)
    expect(store.lease?.spec?.leaseTransitions).toBe(1)
  })

  it('passes on when the leader has given no sign for its duration, and not before', async () => {
    const store = new Store()
    const connection = store.connection()
    const one = join(store, 'one', connection)
    await pass(1)
    const two = join(store, 'two')
    await pass(4_000)
    connection.isAway = true
    await pass(12_000)
    expect([one.leads, two.leads]).toEqual([false, false])
    await pass(6_000)
    expect(two.leads).toBe(true)
  })

  it('is laid down before another can take it while the API server is away, and taken up again', async () => {
    const store = new Store()
    const connection = store.connection()
    const one = join(store, 'one', connection)
    await pass(1)
    connection.isAway = true
    await pass(9_000)
    expect(one.leads).toBe(true)
    await pass(2_000)
    expect(one.leads).toBe(false)
    expect(() => one.assertLeads()).toThrow(NotLeading)
    await pass(60_000)
    connection.isAway = false
    await pass(1_001)
    expect(one.leads).toBe(true)
  })

  it('tells followers what is in progress, and whoever leads next', async () => {
    const store = new Store()
    const one = join(store, 'one')
    await pass(1)
    const two = join(store, 'two')
    const seen: unknown[] = []
    two.subscribe(() => seen.push(two.progress['gpu']))
    await pass(1)
    await one.note('gpu', starting)
    await pass(1_001)
    expect(seen.at(-1)).toEqual(starting)
    void one.close()
    await pass(1_001)
    expect(two.leads).toBe(true)
    expect(two.progress).toEqual({ gpu: starting })
    await two.note('gpu', undefined)
    expect(two.progress).toEqual({})
  })

  it('lets the leader wait until its followers have acted', async () => {
    const store = new Store()
    const one = join(store, 'one')
    await pass(1)
    const two = join(store, 'two')
    await pass(2_000)
    const order: string[] = []
    two.subscribe(() => order.push('the follower acts'))
    await one.note('gpu', { doing: 'leaving', since: '' })
    const waited = one
      .untilFollowersSaw(new AbortController().signal)
      .then(() => order.push('seen'))
    await pass(50)
    expect(order).toEqual([])
    await pass(1_500)
    await waited
    expect(order).toEqual(['the follower acts', 'seen'])
  })

  it('does not wait for a follower that is gone', async () => {
    const store = new Store()
    const one = join(store, 'one')
    await pass(1)
    const connection = store.connection()
    join(store, 'two', connection)
    await pass(2_000)
    connection.isAway = true
    await one.note('gpu', { doing: 'leaving', since: '' })
    const seen = vi.fn()
    void one.untilFollowersSaw(new AbortController().signal).then(seen)
    await pass(10_000)
    expect(seen).not.toHaveBeenCalled()
    await pass(6_000)
    expect(seen).toHaveBeenCalled()
  })

  it('refuses to note anything without the lease', async () => {
    const store = new Store()
    join(store, 'one')
    await pass(1)
    const two = join(store, 'two')
    await pass(1)
    await expect(two.note('gpu', starting)).rejects.toThrow(NotLeading)
  })

  it('makes the lease anew when somebody deletes it', async () => {
    const store = new Store()
    const one = join(store, 'one')
    await pass(1)
    store.lease = undefined
    await pass(2_001)
    expect(one.leads).toBe(true)
    expect(store.lease).toMatchObject({ spec: { holderIdentity: 'one' } })
  })

  it('steps back when somebody else has taken it', async () => {
    const store = new Store()
    const one = join(store, 'one')
    await pass(1)
    store.edit((lease) => {
      lease.spec!.holderIdentity = 'three'
    })
    await pass(2_001)
    expect(one.leads).toBe(false)
    expect(one.leader).toBe('three')
  })

  it('takes annotations that cannot be read as none', async () => {
    const store = new Store()
    const one = join(store, 'one')
    await pass(1)
    store.edit((lease) => {
      lease.metadata!.annotations!['vllm-chill.efortin.github.io/progress'] = '{'
    })
    await pass(2_001)
    expect(one.leads).toBe(true)
    expect(one.progress).toEqual({})
  })
})
