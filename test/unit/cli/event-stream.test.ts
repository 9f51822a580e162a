import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { followEvents, pastEvents } from '../../../src/cli/event-stream.ts'
import { instanceAt } from '../../../src/cli/running-instance.ts'
import { serveOperations } from '../operations/fakes.ts'
import { FakeEvents } from './fake-events.ts'
import { fakeTerminal } from './terminals.ts'
import { unusedUrl } from './unused-url.ts'

async function follow(wanted = {}) {
  const events = new FakeEvents()
  const { url } = await serveOperations({ events })
  const ending = new AbortController()
  onTestFinished(() => ending.abort())
  const pauses: number[] = []
  const pause = async (ms: number) => void pauses.push(ms)
  const told = followEvents(instanceAt({ url }, {}), wanted, ending.signal, { pause })
  const next = async () => (await told.next()).value
  return { events, ending, pauses, next, told }
}

async function serve(answer: RequestListener) {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return instanceAt({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }, {})
}

const { pause } = fakeTerminal()
const cold = { type: 'fact', fact: { type: 'cold', backend: 'gpu0' } } as const

describe('following events', () => {
  it('begins with the greeting and tells each as it comes, with its number', async () => {
    const { events, next } = await follow({ last: 5, types: ['fact'] })
    expect(await next()).toMatchObject({ type: 'hello', eventId: '7-0' })
    expect(events.readings).toEqual([
      { lastEventId: undefined, last: 5, types: ['fact'], follow: true },
    ])
    events.tell(cold)
    expect(await next()).toMatchObject({ ...cold, eventId: '7-1', at: events.at })
  })

  it('keeps the id of a request apart from the number of the event', async () => {
    const { events, next } = await follow()
    await next()
    const request = { id: 'req-1', model: 'a', path: '/v1/chat/completions', backend: 'gpu0' }
    events.tell({ type: 'admitted', ...request, waitedMs: 0 })
    expect(await next()).toMatchObject({ id: 'req-1', eventId: '7-1' })
  })

  it('goes on behind the last event after a break, and says so once', async () => {
    const { events, next, pauses } = await follow()
    await next()
    events.tell(cold)
    await next()
    events.end()
    expect(await next()).toMatchObject({
      type: 'lost',
      why: expect.stringContaining('ended') as string,
    })
    expect(await next()).toMatchObject({ type: 'hello' })
    expect(events.readings.at(-1)?.lastEventId).toBe('7-1')
    expect(pauses).toEqual([250])
  })

  it('says that the instance has shut down when that was told', async () => {
    const { events, next } = await follow()
    await next()
    events.tell({ type: 'goodbye' })
    events.end()
    expect(await next()).toMatchObject({ type: 'goodbye' })
    expect(await next()).toMatchObject({ why: expect.stringContaining('shut down') as string })
  })

  it('waits longer and longer for one that is away, and is told of it once', async () => {
    let isThere = true
    let attempts = 0
    const ending = new AbortController()
    const instance = await serve((request, response) => {
      attempts++
      if (!isThere) return request.socket.destroy()
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      return response.end('id: 1-1\nevent: goodbye\ndata: {"type":"goodbye"}\n\n')
    })
    const pauses: number[] = []
    const patience = async (ms: number) => {
      isThere = false
      pauses.push(ms)
      if (pauses.length === 8) ending.abort()
    }
    const told = []
    for await (const event of followEvents(instance, {}, ending.signal, { pause: patience })) {
      told.push(event.type)
    }
    expect(told).toEqual(['goodbye', 'lost'])
    expect(pauses).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000, 5000])
    expect(attempts).toBe(8)
  })

  it('ends at once when it is told to, in the middle of waiting for one', async () => {
    const { next, ending, told } = await follow()
    await next()
    const waiting = told.next()
    ending.abort()
    expect(await waiting).toEqual({ done: true, value: undefined })
  })

  it('does not try again where nothing was ever there, or it is refused', async () => {
    const gone = instanceAt({ url: await unusedUrl() }, {})
    const { signal } = new AbortController()
    const first = followEvents(gone, {}, signal, { pause }).next()
    await expect(first).rejects.toThrow('Nothing listens')
    const { url } = await serveOperations({ token: 'secret', events: new FakeEvents() })
    const refused = followEvents(instanceAt({ url }, {}), {}, signal, { pause }).next()
    await expect(refused).rejects.toMatchObject({ status: 403 })
  })

  it('does not take another answer for events', async () => {
    const instance = await serve((_, response) => void response.end('<html>'))
    const { signal } = new AbortController()
    const told = followEvents(instance, {}, signal, { pause }).next()
    await expect(told).rejects.toThrow('does not tell its events')
  })
})

describe('past events', () => {
  it('end with the last', async () => {
    const events = new FakeEvents()
    events.past = [cold]
    const { url } = await serveOperations({ events })
    const told = []
    for await (const event of pastEvents(instanceAt({ url }, {}), { last: 3 }))
      told.push(event.type)
    expect(told).toEqual(['hello', 'fact'])
    expect(events.readings).toMatchObject([{ follow: false, last: 3 }])
  })
})
