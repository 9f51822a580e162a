import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ask, refusalOf, stream } from './conversation.ts'
import { enters, says, until } from './log-lines.ts'
import { simulating } from './models.ts'
import { livingOf, watchdogsOf } from './processes.ts'
import { startProgram, type Program } from './program.ts'

const slow = { a: simulating({ itl: '10ms' }), b: {} }

/** The marker of the launch that runs, from the state folder. */
async function markerOf({ stateDir }: Program): Promise<string> {
  const state = JSON.parse(await readFile(join(stateDir, 'vllm.json'), 'utf8')) as object
  return (state as { marker: string }).marker
}

test('SIGTERM under load: streams end whole, who waits is refused, nothing is left behind', async () => {
  const program = await startProgram({ models: slow })
  const streams = Array.from({ length: 5 }, () => stream(program, 'a', 150))
  await Promise.all(streams.map(({ begun }) => begun))
  const held = Array.from({ length: 5 }, () => ask(program, 'b'))
  await program.untilBackend(({ waiting }) => waiting[0]?.count === 5)
  const marker = await markerOf(program)
  expect(await watchdogsOf(marker)).toHaveLength(1)

  program.signal('SIGTERM')
  for (const answer of await Promise.all(held)) {
    const refusal = await refusalOf(answer)
    expect(refusal).toMatchObject({ status: 503, code: 'shutting_down' })
    expect(refusal.retryAfter).toBeGreaterThan(0)
  }
  expect((await fetch(`${program.url}/readyz`)).status).toBe(503)
  expect((await fetch(`${program.url}/health`)).status).toBe(200)
  expect(await refusalOf(await ask(program, 'a'))).toMatchObject({ code: 'shutting_down' })
  expect((await program.operate('models/switch', { model_id: 'b' })).status).toBe(503)
  expect((await program.status()).shuttingDown).toBe(true)

  for (const { done } of streams) {
    expect(await done).toMatchObject({ tokens: 150, finish: 'length' })
  }
  expect(await program.exited).toEqual({ code: 0, signal: null })
  expect(await livingOf(program.runId)).toEqual([])
  await until(async () => (await watchdogsOf(marker)).length === 0)
  expect(program.started()).toHaveLength(1)
})

test('SIGTERM while a model loads refuses its waiters and ends the load', async () => {
  const program = await startProgram({ models: { a: simulating({ hangLoad: true }) } })
  const waiting = ask(program, 'a')
  await program.untilBackend(({ progress }) => progress?.phase === 'loading')
  program.signal('SIGTERM')
  expect(await refusalOf(await waiting)).toMatchObject({ status: 503, code: 'shutting_down' })
  expect(await program.exited).toEqual({ code: 0, signal: null })
  expect(await livingOf(program.runId)).toEqual([])
})

test('a second SIGTERM cuts what would still hold it up', async () => {
  const program = await startProgram({ models: slow })
  const long = stream(program, 'a', 30_000)
  await long.begun
  program.signal('SIGTERM')
  await program.waitForLog(enters('idle.draining'))
  program.signal('SIGTERM')
  await expect(long.done).rejects.toThrow('told twice')
  expect(await program.exited).toEqual({ code: 0, signal: null })
  expect(await livingOf(program.runId)).toEqual([])
})

test('at the drain deadline the default is to go on waiting and to say who blocks', async () => {
  const program = await startProgram({ models: slow, flags: ['--drain-deadline', '100ms'] })
  const long = stream(program, 'a', 100)
  await long.begun
  program.signal('SIGTERM')
  const overdue = await program.waitForLog(says('the drain deadline is over'))
  expect(overdue).toMatchObject({ blocking: [{ path: '/v1/chat/completions' }], cut: false })
  expect(await long.done).toMatchObject({ tokens: 100, finish: 'length' })
  expect(await program.exited).toEqual({ code: 0, signal: null })
})

test('with drainDeadlineAction cut, the deadline cuts', async () => {
  const program = await startProgram({
    models: slow,
    flags: ['--drain-deadline', '500ms', '--drain-deadline-action', 'cut'],
  })
  const long = stream(program, 'a', 30_000)
  await long.begun
  program.signal('SIGTERM')
  await expect(long.done).rejects.toThrow('the drain deadline is over')
  expect(await program.exited).toEqual({ code: 0, signal: null })
})

test('during shutdownDelay warm requests are still admitted, others are not', async () => {
  const program = await startProgram({ models: slow, flags: ['--shutdown-delay', '2s'] })
  expect((await ask(program, 'a')).status).toBe(200)
  program.signal('SIGTERM')
  await program.waitForLog(says('no new requests'))
  expect((await fetch(`${program.url}/readyz`)).status).toBe(503)
  expect((await ask(program, 'a')).status).toBe(200)
  expect(await refusalOf(await ask(program, 'b'))).toMatchObject({ code: 'shutting_down' })
  expect(await program.exited).toEqual({ code: 0, signal: null })
})

test('a connection that was opened ahead and never used does not hold up the end', async () => {
  const program = await startProgram()
  const socket = connect(Number(new URL(program.url).port), '127.0.0.1')
  await once(socket, 'connect')
  // The program has accepted it once it answers a later one.
  await program.status()
  const begun = performance.now()
  program.signal('SIGTERM')
  expect(await program.exited).toEqual({ code: 0, signal: null })
  // Else it would be waited for as long as the last bytes of a slow client, which are 5 s.
  expect(performance.now() - begun).toBeLessThan(4_000)
})
