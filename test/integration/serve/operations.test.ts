import { expect, test } from 'vitest'
import { ask, contentOf, refusalOf, stream, waitedMs } from './conversation.ts'
import { enters } from './log-lines.ts'
import { simulating } from './models.ts'
import { livingOf } from './processes.ts'
import { startProgram } from './program.ts'

const slow = { a: simulating({ itl: '10ms' }), b: {} }

test('an operator switches without anybody waiting, and streams end first', async () => {
  const program = await startProgram({ models: slow })
  const long = stream(program, 'a', 80)
  await long.begun
  const answer = await program.operate('models/switch', { model_id: 'b' })
  expect(answer.status).toBe(202)
  expect(await long.done).toMatchObject({ tokens: 80, finish: 'length' })
  await program.untilBackend(({ state, model }) => state === 'ready.quiet' && model === 'b')
  expect(waitedMs(await ask(program, 'b'))).toBe(0)
})

test('a stop drains, gives the GPU back, and the next request wakes it again', async () => {
  const program = await startProgram({ models: slow })
  const long = stream(program, 'a', 80)
  await long.begun
  expect((await program.operate('operations/stop')).status).toBe(202)
  await program.waitForLog(enters('idle.draining'))
  expect(await long.done).toMatchObject({ tokens: 80, finish: 'length' })
  await program.waitForLog(enters('cold'))
  expect(await livingOf(program.runId)).toEqual([program.pid])
  expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
})

test('a backend that is held refuses at once, until an operator starts it', async () => {
  const program = await startProgram({ models: slow })
  const long = stream(program, 'a', 80)
  await long.begun
  const waiting = ask(program, 'b')
  await program.untilBackend((backend) => backend.waiting.length === 1)
  await program.operate('operations/stop', { hold: true })
  expect(await refusalOf(await waiting)).toMatchObject({ status: 503, code: 'backend_held' })
  expect(await refusalOf(await ask(program, 'b'))).toMatchObject({ code: 'backend_held' })
  expect(await long.done).toMatchObject({ tokens: 80 })
  const held = await program.untilBackend(({ state }) => state === 'cold')
  expect(held.held).toBe(true)
  expect(await refusalOf(await ask(program, 'a'))).toMatchObject({
    status: 503,
    code: 'backend_held',
    shouldRetry: 'false',
  })

  await program.operate('operations/start')
  await program.untilBackend((backend) => !backend.held)
  expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
})

test('a start with a model loads it without anybody waiting', async () => {
  const program = await startProgram({ models: slow })
  await program.operate('operations/start', { model: 'b' })
  await program.untilBackend(({ state, model }) => state === 'ready.quiet' && model === 'b')
})

test('a stop in the middle of a load refuses nobody: who waits is served by a new start', async () => {
  const program = await startProgram({ models: { a: simulating({ loadTime: '1s' }) } })
  const waiting = ask(program, 'a')
  await program.untilBackend(({ progress }) => progress?.phase === 'loading')
  await program.operate('operations/stop')
  expect(await contentOf(await waiting)).toBe('[a] you said: hi')
  expect(program.started()).toHaveLength(2)
})

test('names that nobody has are refused, and pages of others change nothing', async () => {
  const program = await startProgram()
  const refused = async (path: string, body: object) =>
    await refusalOf(await program.operate(path, body))
  expect(await refused('models/switch', { model_id: 'c' })).toMatchObject({
    status: 404,
    code: 'model_not_found',
  })
  expect(await refused('operations/stop', { backend: 'x' })).toMatchObject({ code: 'bad_request' })
  expect(await refused('operations/start', { modle: 'a' })).toMatchObject({ code: 'bad_request' })
  const foreign = await fetch(`${program.url}/proxy/operations/start`, {
    method: 'POST',
    headers: { origin: 'https://elsewhere.example' },
  })
  expect(foreign.status).toBe(403)
  expect(program.started()).toEqual([])
})
