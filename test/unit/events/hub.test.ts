import { describe, expect, it, onTestFinished } from 'vitest'
import type { Lease, Transition } from '../../../src/admission/index.ts'
import { createEventHub } from '../../../src/events/hub.ts'
import type { StreamEvent } from '../../../src/events/index.ts'
import type { EventReading } from '../../../src/operations/index.ts'
import type { RequestRecord } from '../../../src/proxy/index.ts'
import { SimulatedClock, settled } from '../admission/simulated-clock.ts'
import { backendStatus, fakeCatalogue } from '../operations/fakes.ts'

function start(
  bounds = { backends: { count: 100, bytes: 1e6 }, requests: { count: 100, bytes: 1e6 } },
) {
  const clock = new SimulatedClock()
  const hub = createEventHub({ version: '1.2.3', clock, bounds })
  const backends = [backendStatus({ name: 'gpu0' }), backendStatus({ name: 'gpu1' })]
  let looks = 0
  const catalogue = fakeCatalogue()
  const listeners: (() => void)[] = []
  hub.attach(
    {
      startedAt: '2026-11-24T05:00:00.000Z',
      status: () => {
        looks++
        return backends
      },
    },
    { ...catalogue, subscribe: (listener) => (listeners.push(listener), () => {}) },
  )
  const catalogueChanges = () => listeners.forEach((tell) => tell())
  return { clock, hub, backends, catalogueChanges, looks: () => looks }
}

type Hub = ReturnType<typeof start>['hub']

function step(to: string, backend = 'gpu0'): Transition {
  const told = { event: 'demand changed', because: 'somebody waits for it', afterMs: 5 }
  return { backend, from: 'cold', to, model: 'a', target: undefined, generation: 1, ...told }
}

function lease(id: string): Lease {
  const request = { id, model: 'a', path: '/v1/completions', bytes: 1, arrivedAt: 0 }
  return { request, backend: 'gpu0', waitedMs: 1.4 } as Lease
}

function record(id: string, changed: Partial<RequestRecord> = {}): RequestRecord {
  return {
    id,
    method: 'POST',
    route: '/v1/completions',
    model: 'a',
    backend: 'gpu0',
    status: 200,
    code: undefined,
    stream: false,
    waitedMs: 0,
    forwardedMs: 1,
    firstByteMs: 2,
    durationMs: 3.6,
    bytesIn: 4,
    bytesOut: 5,
    usage: undefined,
    traceId: undefined,
    ...changed,
  }
}

type Seen = StreamEvent & { readonly lastEventId: string }

/** Reads as fast as it comes. */
function read(hub: Hub, reading: Partial<EventReading> = {}) {
  const seen: Seen[] = []
  const writes: string[] = []
  const reader = hub.open({ follow: true, ...reading }).getReader()
  onTestFinished(() => reader.cancel().catch(() => {}))
  const decoder = new TextDecoder()
  const all = async () => {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const text = decoder.decode(value)
      writes.push(text)
      for (const block of text.split('\n\n').slice(0, -1)) {
        const [, id, , data] = /^id: (.*)\nevent: (.*)\ndata: (.*)$/.exec(block) ?? []
        if (data !== undefined) {
          seen.push({ ...(JSON.parse(data) as StreamEvent), lastEventId: id ?? '' })
        }
      }
    }
  }
  const ended = all()
  ended.catch(() => {})
  return { seen, writes, ended, reader, types: () => seen.map(({ type }) => type) }
}

describe('the events', () => {
  it('begin with a greeting and how each backend is', async () => {
    const { hub } = start()
    const { seen } = read(hub)
    await settled()
    expect(seen).toMatchObject([
      { type: 'hello', version: '1.2.3', backends: ['gpu0', 'gpu1'], missed: false },
      { type: 'snapshot', backend: { name: 'gpu0' } },
      { type: 'snapshot', backend: { name: 'gpu1' } },
    ])
  })

  it('come in order, with growing ids, and what happens at once in one write', async () => {
    const { hub, clock, catalogueChanges } = start()
    const { seen, writes } = read(hub, { types: ['transition', 'admitted', 'finished', 'models'] })
    await settled()
    hub.onTransition(step('creatingResources'))
    hub.onAdmitted(lease('r1'))
    hub.onRequest(record('r1'))
    catalogueChanges()
    hub.onTransition(step('scalingUp'))
    await clock.pass(50)
    expect(writes).toHaveLength(2)
    expect(seen.slice(1)).toMatchObject([
      { type: 'transition', to: 'creatingResources', event: 'demand changed', model: 'a' },
      { type: 'admitted', id: 'r1', model: 'a', backend: 'gpu0', waitedMs: 1 },
      { type: 'finished', id: 'r1', status: 200, durationMs: 4, responseBytes: 5 },
      {
        type: 'models',
        models: ['qwen3', 'deepseek'],
        problems: [{ message: expect.any(String) }],
      },
      { type: 'transition', to: 'scalingUp' },
    ])
    const numbers = seen.map(({ lastEventId }) => Number(lastEventId.split('-')[1]))
    expect(numbers).toEqual([0, 1, 2, 3, 4, 5])
  })

  it('tell of a request once how it ended', async () => {
    const { hub } = start()
    const never = { backend: undefined, forwardedMs: undefined }
    hub.onRequest(record('a', { ...never, code: 'queue_full', status: 429 }))
    hub.onRequest(record('b', { ...never, code: 'client_left', status: 499 }))
    hub.onRequest(record('c', { code: 'backend_died', status: 502 }))
    hub.onRequest(record('d', { ...never, model: undefined, route: '/v1/models' }))
    const { seen, ended } = read(hub, { last: 10, types: ['refused', 'finished'], follow: false })
    await ended
    expect(seen.slice(1)).toMatchObject([
      { type: 'refused', id: 'a', code: 'queue_full', status: 429 },
      { type: 'finished', id: 'b', code: 'client_left' },
      { type: 'finished', id: 'c', code: 'backend_died', backend: 'gpu0' },
      { type: 'finished', id: 'd', path: '/v1/models' },
    ])
  })

  it('cost nothing but their place while nobody reads', async () => {
    const { hub, clock, looks } = start()
    for (let i = 0; i < 1_000; i++) {
      hub.onTransition(step('ready.serving'))
      hub.onAdmitted(lease(`r${i}`))
      hub.onRequest(record(`r${i}`))
      hub.onWaiting('gpu0')
    }
    expect(clock.pending).toBe(0)
    expect(looks()).toBe(0)
    const { reader } = read(hub)
    await settled()
    expect(clock.pending).toBeGreaterThan(0)
    await reader.cancel()
    expect([hub.readers, clock.pending]).toEqual([0, 0])
  })

  it('keep a silent connection alive', async () => {
    const { hub, clock } = start()
    const { writes } = read(hub)
    await clock.pass(45_000)
    expect(writes.slice(1)).toEqual([':\n\n', ':\n\n', ':\n\n'])
  })
})

describe('snapshots', () => {
  it('are told when a status has changed, each backend at most four times a second', async () => {
    const { hub, clock, backends } = start()
    const { seen } = read(hub, { types: ['snapshot'] })
    await clock.pass(1_000)
    seen.length = 0
    for (let i = 1; i <= 100; i++) {
      backends[0] = backendStatus({ name: 'gpu0', leases: i })
      hub.onAdmitted(lease(`r${i}`))
      await clock.pass(10)
    }
    await clock.pass(1_000)
    expect(seen.length).toBeGreaterThanOrEqual(4)
    expect(seen.length).toBeLessThanOrEqual(6)
    expect(seen.every((event) => event.type === 'snapshot' && event.backend.name === 'gpu0')).toBe(
      true,
    )
    expect(seen.at(-1)).toMatchObject({ backend: { leases: 100 } })
  })

  it('are not told again while nothing changes', async () => {
    const { hub, clock } = start()
    const { seen } = read(hub, { types: ['snapshot'] })
    await clock.pass(10_000)
    expect(seen).toHaveLength(3)
  })
})

describe('who comes back', () => {
  it('gets what it missed, and nothing twice', async () => {
    const { hub, clock } = start()
    const first = read(hub, { types: ['transition'] })
    for (const to of ['s1', 's2']) hub.onTransition(step(to))
    await clock.pass(50)
    await first.reader.cancel()
    for (const to of ['s3', 's4']) hub.onTransition(step(to))
    const lastEventId = first.seen.at(-1)!.lastEventId
    const second = read(hub, { lastEventId })
    await settled()
    expect(second.seen[0]).toMatchObject({ type: 'hello', missed: false })
    expect(second.types()).toEqual(['hello', 'transition', 'transition', 'snapshot', 'snapshot'])
    expect(second.seen[1]).toMatchObject({ to: 's3' })
    const third = read(hub, { lastEventId: second.seen.at(-1)!.lastEventId })
    await settled()
    expect(third.types()).toEqual(['hello', 'snapshot', 'snapshot'])
  })

  it('is told that it missed what is not kept any more, and gets the rest', async () => {
    const small = { backends: { count: 3, bytes: 1e6 }, requests: { count: 2, bytes: 1e6 } }
    const { hub } = start(small)
    const { seen } = read(hub, { follow: false })
    await settled()
    for (const to of ['s1', 's2', 's3', 's4']) hub.onTransition(step(to))
    const late = read(hub, { lastEventId: seen[0]!.lastEventId, types: ['transition'] })
    await settled()
    expect(late.seen).toMatchObject([{ missed: true }, { to: 's2' }, { to: 's3' }, { to: 's4' }])
    const [, , , last] = late.seen
    for (const id of ['r1', 'r2', 'r3']) hub.onAdmitted(lease(id))
    const later = read(hub, { lastEventId: last!.lastEventId, types: ['admitted'] })
    await settled()
    expect(later.seen).toMatchObject([{ missed: true }, { id: 'r2' }, { id: 'r3' }])
  })

  it.each(['7-1', 'nonsense', ''])(
    'with an id of another run (%j) begins with all',
    async (lastEventId) => {
      const { hub } = start()
      hub.onTransition(step('s1'))
      const { seen } = read(hub, { lastEventId, types: ['transition'] })
      await settled()
      expect(seen).toMatchObject([{ type: 'hello', missed: true }, { to: 's1' }])
    },
  )

  it('may ask for the last so many', async () => {
    const { hub } = start()
    for (const id of ['r1', 'r2']) {
      hub.onAdmitted(lease(id))
      hub.onTransition(step(`of ${id}`))
    }
    const lastOf = async (last: number, types?: string[]) => {
      const { seen, ended } = read(hub, { last, types, follow: false })
      await ended
      return seen
        .filter(({ type }) => type !== 'hello' && type !== 'snapshot')
        .map(({ type }) => type)
    }
    expect(await lastOf(3)).toEqual(['transition', 'admitted', 'transition'])
    expect(await lastOf(99)).toHaveLength(4)
    expect(await lastOf(0)).toEqual([])
    expect(await lastOf(1, ['admitted'])).toEqual(['admitted'])
  })
})

describe('a reader that does not read', () => {
  const small = { backends: { count: 10, bytes: 1e6 }, requests: { count: 10, bytes: 1e6 } }

  it('is dropped when its place is gone, and the others read on', async () => {
    const { hub, clock } = start(small)
    const slow = hub.open({ follow: true }).getReader()
    await slow.read()
    const quick = read(hub, { types: ['transition'] })
    for (let i = 0; i < 10; i++) hub.onTransition(step(`s${i}`))
    await clock.pass(50)
    expect(hub.readers).toBe(2)
    hub.onTransition(step('s10'))
    await clock.pass(50)
    expect(hub.readers).toBe(1)
    await expect(slow.read()).rejects.toThrow('too slow')
    expect(quick.seen).toHaveLength(12)
  })

  it('does not keep the program from its end', async () => {
    const { hub, clock } = start(small)
    const slow = hub.open({ follow: true }).getReader()
    await slow.read()
    const busy = hub.open({ follow: true }).getReader()
    await busy.read()
    const quick = read(hub)
    await settled()
    hub.onTransition(step('cold'))
    hub.close()
    await quick.ended
    const last = new TextDecoder().decode((await busy.read()).value)
    expect(last).toMatch(/^id: .*\nevent: transition\n[^]*\nevent: goodbye\n/)
    expect((await busy.read()).done).toBe(true)
    await clock.pass(1_000)
    await expect(slow.read()).rejects.toThrow('the program ends')
    expect(clock.pending).toBe(0)
    expect(quick.types().slice(-3)).toEqual(['transition', 'snapshot', 'goodbye'])
    expect(hub.readers).toBe(0)
    expect(() => hub.open({ follow: true })).toThrow('is stopping')
  })

  it('is told where each backend was at the end, however soon that comes', async () => {
    const { hub, backends } = start()
    const reader = read(hub)
    await settled()
    backends[0] = backendStatus({ name: 'gpu0', state: 'idle.scalingDown' })
    hub.onTransition(step('idle.scalingDown'))
    hub.close()
    await reader.ended
    expect(reader.types().slice(-3)).toEqual(['transition', 'snapshot', 'goodbye'])
    expect(reader.seen.at(-2)).toMatchObject({ backend: { state: 'idle.scalingDown' } })
  })

  it('is one of at most 64', () => {
    const { hub } = start()
    for (let i = 0; i < 64; i++) hub.open({ follow: true })
    expect(() => hub.open({ follow: true })).toThrow('64 read the events already')
  })
})
