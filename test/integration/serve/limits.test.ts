import { expect, test } from 'vitest'
import { ask, contentOf, refusalOf, saying, stream, waitedMs } from './conversation.ts'
import { simulating } from './models.ts'
import { startProgram } from './program.ts'

const slowLoad = { a: simulating({ loadTime: '800ms' }) }

test('one request more than may wait is answered 429, and the others are served', async () => {
  const program = await startProgram({
    models: slowLoad,
    flags: ['--max-held-per-model', '3'],
  })
  const held = Array.from({ length: 3 }, () => ask(program, 'a'))
  await program.untilBackend(({ waiting }) => waiting[0]?.count === 3)
  const refusal = await refusalOf(await ask(program, 'a'))
  expect(refusal).toMatchObject({ status: 429, code: 'queue_full' })
  expect(refusal.retryAfter).toBeGreaterThan(0)
  for (const answer of await Promise.all(held)) {
    expect(await contentOf(answer)).toBe('[a] you said: hi')
  }
})

test('more bytes than may wait are answered 429, and a small request still finds room', async () => {
  const program = await startProgram({ models: slowLoad, flags: ['--max-held-bytes', '4KiB'] })
  const big = { messages: saying('x'.repeat(3000)) }
  const held = ask(program, 'a', big)
  await program.untilBackend(({ waiting }) => (waiting[0]?.bytes ?? 0) > 3000)
  const refusal = await refusalOf(await ask(program, 'a', big))
  expect(refusal).toMatchObject({ status: 429, code: 'queue_full' })
  expect(refusal.retryAfter).toBeGreaterThan(0)
  expect((await ask(program, 'a')).status).toBe(200)
  expect((await held).status).toBe(200)
})

test('with hold off the client hears at once that it loads, and the load goes on and stays', async () => {
  const program = await startProgram({ models: slowLoad, flags: ['--hold', 'false'] })
  const refusal = await refusalOf(await ask(program, 'a'))
  expect(refusal).toMatchObject({ status: 503, code: 'model_loading' })
  expect(refusal.retryAfter).toBeGreaterThan(0)
  await program.untilBackend(({ state }) => state === 'ready.quiet')
  const answer = await ask(program, 'a')
  expect(waitedMs(answer)).toBe(0)
  expect(await contentOf(answer)).toBe('[a] you said: hi')
  expect(program.started()).toHaveLength(1)
})

test('at the wait deadline the client hears that it loads, and the load goes on and stays', async () => {
  const program = await startProgram({ models: slowLoad, flags: ['--wait-deadline', '200ms'] })
  const refusal = await refusalOf(await ask(program, 'a'))
  expect(refusal).toMatchObject({ status: 503, code: 'model_loading' })
  expect(refusal.retryAfter).toBeGreaterThan(0)
  await program.untilBackend(({ state }) => state === 'ready.quiet')
  expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
  expect(program.started()).toHaveLength(1)
})

test('a body over the limit is answered 413 and wakes nothing', async () => {
  const program = await startProgram({ flags: ['--body-limit', '1KiB'] })
  const answer = await ask(program, 'a', { messages: saying('x'.repeat(2000)) })
  expect(await refusalOf(answer)).toMatchObject({ status: 413, code: 'request_too_large' })
  expect(program.started()).toEqual([])
})

test('the engine gets no more at once than maxInFlight; the rest waits here and is served', async () => {
  const program = await startProgram({
    models: { a: { ...simulating({ itl: '10ms' }), maxInFlight: 2 } },
  })
  const streams = Array.from({ length: 6 }, () => stream(program, 'a', 20))
  await program.untilBackend(({ leases, waiting }) => leases === 2 && waiting[0]?.count === 4)
  for (const { done } of streams) expect(await done).toMatchObject({ tokens: 20 })
})
