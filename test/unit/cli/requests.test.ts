import { describe, expect, it } from 'vitest'
import { fakeInstance } from './fake-instance.ts'
import { FakeScreen } from './terminals.ts'

const path = '/v1/chat/completions'
const answer = {
  inFlight: [
    { id: 'req-1', model: 'qwen3', path, backend: 'gpu0', sinceMs: 61_000, waitedMs: 2000 },
  ],
  waiting: [{ id: 'req-2', model: 'deepseek', path, sinceMs: 9000, bytes: 1500 }],
  counts: { inFlight: 1, waiting: 1 },
}
const accepted = (response: { writeHead(status: number): { end(text: string): void } }) =>
  response.writeHead(202).end(JSON.stringify({ status: 'accepted', message: 'pinning qwen3' }))

describe('requests', () => {
  it('lists what is in flight and what waits', async () => {
    const { run } = await fakeInstance({ requests: answer })
    const { code, printed } = await run(['requests'])
    expect(code).toBe(0)
    expect(printed).toMatch(/^ID +WHAT +MODEL/)
    expect(printed).toMatch(/req-1 +in flight +qwen3 +gpu0 +1 min 1 s +waited 2 s before/)
    expect(printed).toMatch(/req-2 +waiting +deepseek +- +9 s +1\.5 kB/)
  })

  it('says when there is nothing', async () => {
    const { run } = await fakeInstance({
      requests: { inFlight: [], waiting: [], counts: { inFlight: 0, waiting: 0 } },
    })
    expect((await run(['requests'])).printed).toBe('Nothing is in flight and nothing waits.')
  })

  it('counts those that are not listed', async () => {
    const { run } = await fakeInstance({
      requests: { ...answer, counts: { inFlight: 1, waiting: 500 } },
    })
    expect((await run(['requests'])).printed).toMatch(/\n… and 499 more$/)
  })

  it('never cuts the id that `cancel` wants', async () => {
    const { run } = await fakeInstance({ requests: answer })
    const { printed } = await run(['requests'], { screen: new FakeScreen(24) })
    expect(printed).toMatch(/^req-1 +\S/m)
  })

  it('--json prints what the API says', async () => {
    const { run } = await fakeInstance({ requests: answer })
    expect(JSON.parse((await run(['requests', '--json'])).printed)).toEqual(answer)
  })
})

describe('cancel', () => {
  it.each(['req-1', '12e5', '007'])('sends the id %s as it was typed', async (id) => {
    const { run, calls } = await fakeInstance({
      'requests/cancel': { status: 'accepted', id, cancelled: 1 },
    })
    const printed = `cancelled: ${id}`
    expect(await run(['cancel', id])).toEqual({ code: 0, printed, said: '' })
    expect(calls).toMatchObject([{ body: { id } }])
  })

  it('tells that several had the id', async () => {
    const { run } = await fakeInstance({
      'requests/cancel': { status: 'accepted', id: 'x', cancelled: 3 },
    })
    expect((await run(['cancel', 'x'])).printed).toBe('cancelled: x, 3 of that id')
  })

  it('of a request that is not there says so', async () => {
    const { run } = await fakeInstance({
      'requests/cancel': (response) =>
        response.writeHead(404).end(JSON.stringify({ error: { message: 'No request "x".' } })),
    })
    expect(await run(['cancel', 'x'])).toMatchObject({
      code: 1,
      said: 'vllm-chill: No request "x".\n',
    })
  })
})

describe('pin and unpin', () => {
  it.each([
    ['pin', true],
    ['unpin', false],
  ])('%s', async (command, pinned) => {
    const { run, calls } = await fakeInstance({ 'models/pin': accepted })
    expect((await run([command, 'qwen3'])).code).toBe(0)
    expect(JSON.parse((await run([command, 'qwen3', '--json'])).printed)).toMatchObject({
      status: 'accepted',
    })
    expect(calls[0]).toMatchObject({ path: 'models/pin', body: { model: 'qwen3', pinned } })
  })
})
