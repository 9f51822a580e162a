import { beforeEach, describe, expect, it } from 'vitest'
import type { Demand, Endpoint } from '../../../machines/index.ts'
import type { AdmissionRequest, Lease } from '../../../src/admission/index.ts'
import { Gate } from '../../../src/admission/gate.ts'
import { modelGone } from '../../../src/admission/refusals.ts'
import type { Waiter } from '../../../src/admission/waiting-line.ts'
import { SimulatedClock } from './simulated-clock.ts'

const clock = new SimulatedClock()
let demands: Demand[]
let gate: Gate
let requests = 0

beforeEach(() => {
  demands = []
  gate = new Gate({ backend: 'gpu0', clock, onDemand: (demand) => demands.push(demand) })
})

function endpoint(incarnation: string, maxInFlight = 2): Endpoint {
  return { url: `http://${incarnation}`, incarnation, maxInFlight }
}

function request(model: string, arrivedAt = clock.now()): AdmissionRequest {
  return { id: `r${++requests}`, model, path: '/v1/completions', bytes: 1, arrivedAt }
}

interface Watched extends Waiter {
  request: AdmissionRequest
  outcome: Lease | string | undefined
}

function waiter(model: string, arrivedAt?: number): Watched {
  const watched: Watched = {
    request: request(model, arrivedAt),
    outcome: undefined,
    grant: (lease) => (watched.outcome = lease),
    refuse: ({ code }) => (watched.outcome = code),
  }
  return watched
}

function leaseOf({ outcome }: Watched): Lease {
  if (typeof outcome !== 'object') throw new Error(`no lease but ${outcome}`)
  return outcome
}

describe('a gate', () => {
  it('admits nobody before it is opened, nor for another model', () => {
    expect(gate.tryAcquire(request('a'))).toBeUndefined()
    gate.openFor('a', 1, [endpoint('p1')])
    expect(gate.tryAcquire(request('b'))).toBeUndefined()
    expect(gate.tryAcquire(request('a'))?.endpoint.incarnation).toBe('p1')
  })

  it('spreads leases over the endpoints and keeps to their maximum', () => {
    gate.openFor('a', 1, [endpoint('p1', 1), endpoint('p2', 2)])
    const taken = Array.from({ length: 4 }, () => gate.tryAcquire(request('a')))
    expect(taken.map((lease) => lease?.endpoint.incarnation)).toEqual(['p1', 'p2', 'p2', undefined])
  })

  it('serves who waits in order of arrival as places come free', () => {
    const [first, second, third] = [waiter('a'), waiter('a'), waiter('a')]
    for (const each of [first, second, third]) gate.enqueue(each)
    gate.openFor('a', 1, [endpoint('p1', 1)])
    expect(second.outcome).toBeUndefined()
    leaseOf(first).release()
    expect(second.outcome).toBeDefined()
    expect(third.outcome).toBeUndefined()
  })

  it('lets nobody pass those who wait, even if a place is free for a moment', () => {
    gate.openFor('a', 1, [endpoint('p1', 1)])
    const held = gate.tryAcquire(request('a'))
    const waiting = waiter('a')
    gate.enqueue(waiting)
    held?.release()
    expect(waiting.outcome).toBeDefined()
    expect(gate.tryAcquire(request('a'))).toBeUndefined()
  })

  it('lets nobody pass who waits for another model, where the order of arrival is to be kept', async () => {
    let isKept = true
    gate = new Gate({ backend: 'gpu0', clock, onDemand: () => {}, inOrder: () => isKept })
    gate.openFor('a', 1, [endpoint('p1', 9)])
    const before = waiter('a')
    gate.enqueue(before)
    expect(before.outcome).toBeDefined()
    const other = waiter('b')
    gate.enqueue(other)
    await clock.pass(1)
    const after = waiter('a')
    expect(gate.tryAcquire(request('a'))).toBeUndefined()
    gate.enqueue(after)
    expect(after.outcome).toBeUndefined()
    // It need not wait for one that has left.
    gate.leave(other)
    expect(after.outcome).toBeDefined()

    gate.enqueue(waiter('b', clock.now() - 5))
    expect(gate.tryAcquire(request('a'))).toBeUndefined()
    isKept = false
    expect(gate.tryAcquire(request('a'))).toBeDefined()
  })

  it('tells what the waiting of all counts, and the weighted mean of their arrivals', async () => {
    const plain = waiter('a', 100)
    const urgent = waiter('a', 220)
    urgent.request = { ...urgent.request, priority: 1 }
    gate.enqueue(plain)
    gate.enqueue(urgent)
    expect(gate.demand().waiting).toMatchObject([{ count: 2, weight: 3, meanAt: 180 }])
    gate.leave(urgent)
    expect(gate.demand().waiting).toMatchObject([{ count: 1, weight: 1, meanAt: 100 }])
  })

  it('does not tell each pause between requests, but a lull of 20 ms', async () => {
    gate.openFor('a', 1, [endpoint('p1')])
    demands.length = 0
    for (let turn = 0; turn < 5; turn++) {
      const lease = gate.tryAcquire(request('a'))
      await clock.pass(5)
      lease?.release()
      await clock.pass(15)
    }
    expect(demands.map(({ leases }) => leases)).toEqual([1])
    await clock.pass(5)
    expect(demands.map(({ leases }) => leases)).toEqual([1, 0])
    gate.tryAcquire(request('a'))
    expect(demands.map(({ leases }) => leases)).toEqual([1, 0, 1])
  })

  it('tells at once that the last lease is back where somebody waits for another model', () => {
    gate.openFor('a', 1, [endpoint('p1')])
    const lease = gate.tryAcquire(request('a'))
    gate.enqueue(waiter('b'))
    lease?.release()
    expect(demands.at(-1)).toMatchObject({ leases: 0, waiting: [{ model: 'b' }] })
  })

  it('does not tell who is first in line for what is open while nobody wants another model', () => {
    gate.openFor('a', 1, [endpoint('p1', 1)])
    const first = gate.tryAcquire(request('a'))
    const line = [waiter('a'), waiter('a'), waiter('a')]
    for (const each of line) gate.enqueue(each)
    const before = demands.length
    first?.release()
    leaseOf(line[0]!).release()
    expect(line[1]!.outcome).toBeDefined()
    expect(demands.length).toBe(before)
  })

  it('gives who comes back its old place, before later arrivals', async () => {
    const early = request('a')
    await clock.pass(10)
    const later = waiter('a')
    gate.enqueue(later)
    const back = waiter('a', early.arrivedAt)
    gate.enqueue(back)
    gate.openFor('a', 1, [endpoint('p1', 1)])
    expect(back.outcome).toBeDefined()
    expect(later.outcome).toBeUndefined()
  })

  it('follows the manifest when it allows more or less at once', () => {
    let most = 1
    gate = new Gate({ backend: 'gpu0', clock, onDemand: () => {}, maxInFlight: () => most })
    gate.openFor('a', 1, [endpoint('p1', 5)])
    const first = gate.tryAcquire(request('a'))
    const waiting = waiter('a')
    gate.enqueue(waiting)
    expect(waiting.outcome).toBeUndefined()
    most = 2
    gate.roomChanged()
    expect(waiting.outcome).toBeDefined()
    most = 1
    first?.release()
    expect(gate.tryAcquire(request('a'))).toBeUndefined()
  })

  it('counts a place once, however often its lease is released', () => {
    gate.openFor('a', 1, [endpoint('p1', 1)])
    const lease = gate.tryAcquire(request('a'))
    lease?.release()
    lease?.release()
    expect(gate.tryAcquire(request('a'))).toBeDefined()
    expect(gate.tryAcquire(request('a'))).toBeUndefined()
  })

  it('returns when it closes how many leases are out, and resolves when the last is back', async () => {
    gate.openFor('a', 1, [endpoint('p1')])
    const leases = [gate.tryAcquire(request('a')), gate.tryAcquire(request('a'))]
    expect(gate.close()).toBe(2)
    let drained = false
    const draining = gate.whenDrained(new AbortController().signal).then(() => (drained = true))
    leases[0]?.release()
    await Promise.resolve()
    expect(drained).toBe(false)
    leases[1]?.release()
    await draining
    expect(drained).toBe(true)
  })

  it('stops waiting for the last lease when it is told to', async () => {
    gate.openFor('a', 1, [endpoint('p1')])
    gate.tryAcquire(request('a'))
    const abort = new AbortController()
    const draining = gate.whenDrained(abort.signal)
    abort.abort()
    await draining
    expect(gate.leaseCount).toBe(1)
  })

  it('counts the leases of before when it opens again after a switch that was called off', () => {
    gate.openFor('a', 1, [endpoint('p1', 1)])
    const lease = gate.tryAcquire(request('a'))
    gate.close()
    gate.openFor('a', 1, [endpoint('p1', 1)])
    expect(gate.tryAcquire(request('a'))).toBeUndefined()
    lease?.release()
    expect(gate.tryAcquire(request('a'))).toBeDefined()
  })

  it('sends nobody to an endpoint that just refused a connection, for a second', async () => {
    gate.openFor('a', 1, [endpoint('p1')])
    const lease = gate.tryAcquire(request('a'))
    lease?.suspect()
    lease?.release()
    const waiting = waiter('a')
    gate.enqueue(waiting)
    expect(waiting.outcome).toBeUndefined()
    await clock.pass(1_000)
    expect(waiting.outcome).toBeDefined()
  })

  it('tells only edges: the first and last lease, who is first in line, and about how many wait', () => {
    gate.openFor('a', 1, [endpoint('p1', 2)])
    demands.length = 0
    const leases = [gate.tryAcquire(request('a')), gate.tryAcquire(request('a'))]
    gate.enqueue(waiter('b'))
    gate.enqueue(waiter('b'))
    for (const lease of leases) lease?.release()
    expect(demands.map(({ leases, waiting }) => [leases, waiting[0]?.count ?? 0])).toEqual([
      [1, 0],
      [2, 1],
      [2, 2],
      [0, 2],
    ])
  })

  it('tells a crowd that comes at once in few edges', () => {
    for (let each = 0; each < 1_000; each++) gate.enqueue(waiter('b'))
    expect(demands.length).toBeLessThan(45)
    expect(demands.at(-1)!.waiting[0]!.count).toBeGreaterThan(800)
  })

  it('tells when those who wait came in the mean, also after one has left', () => {
    const waiters = [waiter('b')]
    gate.enqueue(waiters[0]!)
    const { arrivedAt } = waiters[0]!.request
    const later = {
      ...waiter('b'),
      request: { ...waiter('b').request, arrivedAt: arrivedAt + 100 },
    }
    gate.enqueue(later)
    expect(gate.demand().waiting).toMatchObject([{ oldestAt: arrivedAt, meanAt: arrivedAt + 50 }])
    gate.leave(waiters[0]!)
    expect(gate.demand().waiting).toMatchObject([{ meanAt: arrivedAt + 100 }])
  })

  it('owes a place to whoever waited when the residence began, and to nobody later', () => {
    gate.enqueue(waiter('a'))
    gate.enqueue(waiter('a'))
    gate.openFor('a', 1, [endpoint('p1', 1)])
    gate.enqueue(waiter('a'))
    expect(gate.demand().waiting).toMatchObject([{ model: 'a', count: 2, owed: 1 }])
  })

  it('refuses all who wait for a model, and only those', () => {
    const [a, b] = [waiter('a'), waiter('b')]
    gate.enqueue(a)
    gate.enqueue(b)
    gate.refuseAll('a', () => modelGone('a'))
    expect(a.outcome).toBe('model_not_found')
    expect(b.outcome).toBeUndefined()
    expect(gate.leave(a)).toBe(false)
  })

  it('cuts what is in flight through the forwarder that holds the lease', () => {
    gate.openFor('a', 1, [endpoint('p1')])
    const lease = gate.tryAcquire(request('a'))
    const reasons: string[] = []
    lease!.onCut = (reason) => {
      reasons.push(reason)
      lease!.release()
    }
    gate.cut('the deadline is over')
    expect(reasons).toEqual(['the deadline is over'])
    expect(gate.leaseCount).toBe(0)
  })
})
