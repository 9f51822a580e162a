import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  roomCostMs,
  shareGpus,
  type Claim,
  type Holder,
  type ShareQuestion,
} from '../../../machines/index.ts'

const now = 1_000_000

function holder(backend: string, facts: Partial<Holder> = {}): Holder {
  return {
    backend,
    gpus: 1,
    stage: 'ready',
    leases: 0,
    waiting: 0,
    pinned: false,
    spare: false,
    usedAt: 0,
    loadMs: 40_000,
    ...facts,
  }
}

function claim(backend: string, facts: Partial<Claim> = {}): Claim {
  const since = facts.since ?? now
  return {
    backend,
    gpus: 1,
    waiting: [],
    since,
    overdueAt: since + 60_000,
    priority: 0,
    kind: 'demand',
    ...facts,
  }
}

function share(
  gpus: number,
  holders: Holder[],
  claims: Claim[],
  more: Partial<ShareQuestion> = {},
) {
  const freshUntil = Number.NEGATIVE_INFINITY
  return shareGpus({ now, gpus, holders, claims, asked: [], freshUntil, ...more })
}

const busy = { leases: 1 }
const overdue = { since: now - 60_000 }

describe('GPUs of a pool', () => {
  it('are given while they are free, all that is needed at once', () => {
    const claims = [claim('x', { gpus: 2 }), claim('y')]
    expect(share(3, [], claims).grants).toEqual(['x', 'y'])
    expect(share(2, [], claims).grants).toEqual(['x'])
  })

  it('are made free by the least recently used that nobody uses, and by no more than needed', () => {
    const holders = [holder('a', { usedAt: 2 }), holder('b', { usedAt: 1 }), holder('c', busy)]
    expect(share(3, holders, [claim('x')]).room).toEqual({ b: 'x' })
    expect(share(3, holders, [claim('x', { gpus: 2 })]).room).toEqual({ a: 'x', b: 'x' })
    const big = holder('d', { gpus: 2, usedAt: 3 })
    expect(share(4, [holder('a'), holder('c', busy), big], [claim('x', { gpus: 2 })]).room).toEqual(
      {
        d: 'x',
      },
    )
  })

  it('are asked of a busy one only where no unused one will do: the one that comes back cheapest', () => {
    const holders = [holder('a', busy), holder('b', { ...busy, loadMs: 5_000 })]
    expect(share(2, holders, [claim('x')]).room).toEqual({ b: 'x' })
    expect(share(2, holders, [claim('x')], { asked: ['a'] }).room).toEqual({ a: 'x' })
    const copy = holder('c', { ...busy, spare: true })
    expect(share(3, [...holders, copy], [claim('x')]).room).toEqual({ c: 'x' })
  })

  it('are not asked for again where enough is going down already', () => {
    const holders = [holder('a'), holder('b', { stage: 'leaving' })]
    expect(share(2, holders, [claim('x')])).toMatchObject({ grants: [], room: {} })
    const draining = [holder('a', busy), holder('b', { ...busy, stage: 'draining' })]
    expect(share(2, draining, [claim('x')]).room).toEqual({ b: 'x' })
  })

  it('are taken from no pinned one; who needs more than the others have is told so, and keeps nobody back', () => {
    const pinned = holder('a', { pinned: true })
    const claims = [claim('x', { gpus: 2, ...overdue }), claim('y')]
    expect(share(2, [pinned], claims)).toMatchObject({ grants: ['y'], blocked: ['x'], room: {} })
  })

  it('go to whoever is overdue by age, before that by priority, and to an operator’s wish first', () => {
    const claims = [
      claim('young', { priority: 5 }),
      claim('old', { since: now - 1_000 }),
      claim('late', { since: now - 70_000 }),
      claim('later', { since: now - 65_000, priority: 9 }),
      claim('wish', { kind: 'wish' }),
    ]
    const order = ['wish', 'late', 'later', 'young', 'old']
    for (let gpus = 1; gpus <= order.length; gpus++) {
      expect(share(gpus, [], claims).grants).toEqual(order.slice(0, gpus))
    }
  })

  it('are kept for one that is overdue, and until then lent to a younger one that fits', () => {
    const holders = [holder('a', busy)]
    const [big, small] = [claim('big', { gpus: 2, since: now - 1 }), claim('small')]
    expect(share(2, holders, [big, small])).toMatchObject({
      grants: ['small'],
      room: { a: 'big' },
      reconsiderAt: now - 1 + 60_000,
    })
    const late = claim('big', { gpus: 2, ...overdue })
    expect(share(2, holders, [late, small]).grants).toEqual([])
  })

  it('are kept for one whose room is being made, overdue or not', () => {
    const claims = [claim('big', { gpus: 2, since: now - 1 }), claim('small')]
    expect(share(2, [holder('a')], claims)).toMatchObject({ grants: [], room: { a: 'big' } })
  })

  it('are never made free for a second copy', () => {
    const copy = claim('x', { kind: 'spare' })
    expect(share(1, [holder('a')], [copy])).toMatchObject({ grants: [], room: {} })
    expect(share(1, [], [copy, claim('y')]).grants).toEqual(['y'])
    expect(share(1, [], [copy]).grants).toEqual(['x'])
  })
})

describe('a start that the cluster has no GPU for', () => {
  const short = claim('x', { kind: 'short' })
  const starting = holder('x', { stage: 'starting' })

  it('has one unused backend make room, no busy one, and none while one is just going', () => {
    const all = [starting, holder('a', busy), holder('b'), holder('c', { usedAt: 1 })]
    expect(share(Infinity, all, [short]).room).toEqual({ b: 'x' })
    expect(share(Infinity, all.slice(0, 2), [short]).room).toEqual({})
    const leaving = holder('d', { stage: 'leaving' })
    expect(share(Infinity, [...all, leaving], [short]).room).toEqual({})
  })

  it('has a while to find what has just become free', () => {
    const freshUntil = now + 5_000
    expect(share(Infinity, [starting, holder('b')], [short], { freshUntil })).toMatchObject({
      room: {},
      reconsiderAt: freshUntil,
    })
  })
})

describe('what room costs', () => {
  const cost = (gpus: number, holders: Holder[], claims: Claim[] = []) =>
    roomCostMs(gpus, { gpus: 2, holders, claims })

  it('is nothing while it is free, next to nothing where nobody uses it, else the load that comes back', () => {
    expect(cost(1, [holder('a', busy)])).toBe(0)
    expect(cost(1, [holder('a', busy), holder('b')])).toBe(1)
    expect(cost(1, [holder('a', busy), holder('b', { leases: 3 })])).toBe(41_000)
    expect(cost(2, [holder('a', busy), holder('b', busy)])).toBe(82_000)
  })

  it('grows with those who wait before, and is without end where pins forbid it', () => {
    expect(cost(1, [holder('a'), holder('b')], [claim('x')])).toBe(40_001)
    expect(cost(2, [holder('a', { pinned: true })])).toBe(Infinity)
  })
})

describe('whatever is held and claimed', () => {
  const facts = fc.record({
    gpus: fc.integer({ min: 1, max: 8 }),
    holders: fc.array(
      fc.record({
        gpus: fc.integer({ min: 1, max: 3 }),
        stage: fc.constantFrom('starting', 'ready', 'switching', 'draining', 'leaving'),
        leases: fc.nat(2),
        waiting: fc.nat(1),
        pinned: fc.boolean(),
        usedAt: fc.nat(5),
      }),
      { maxLength: 5 },
    ),
    claims: fc.array(
      fc.record({
        gpus: fc.integer({ min: 1, max: 3 }),
        since: fc.integer({ min: now - 100_000, max: now }),
        kind: fc.constantFrom('wish', 'demand', 'spare'),
        priority: fc.nat(2),
      }),
      { maxLength: 5 },
    ),
  })

  it('no more is given than is free, nothing pinned makes room, and somebody is served as soon as all is free', () => {
    fc.assert(
      fc.property(facts, ({ gpus, ...them }) => {
        const holders = them.holders.map((each, at) => holder(`h${at}`, each))
        const claims = them.claims.map((each, at) => claim(`c${at}`, each))
        const sum = (all: readonly { gpus: number }[]) =>
          all.reduce((total, each) => total + each.gpus, 0)
        const { grants, room, blocked } = share(gpus, holders, claims)
        const given = sum(claims.filter(({ backend }) => grants.includes(backend)))
        if (given > 0) expect(sum(holders) + given).toBeLessThanOrEqual(gpus)
        for (const { backend, pinned, stage } of holders) {
          if (pinned || stage === 'leaving') expect(room[backend]).toBeUndefined()
        }
        // Of those who can be served at all, the first is served or has enough on its way.
        const able = claims.filter((each) => each.gpus <= gpus && !blocked.includes(each.backend))
        const isServed = grants.length > 0 || Object.keys(room).length > 0
        const isLeaving = holders.some(({ stage }) => stage === 'leaving')
        if (able.some(({ kind }) => kind !== 'spare')) expect(isServed || isLeaving).toBe(true)
      }),
      { numRuns: 2_000 },
    )
  })
})
