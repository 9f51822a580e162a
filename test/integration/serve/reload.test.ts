import { expect, test } from 'vitest'
import { ask, contentOf, openai, refusalOf, stream } from './conversation.ts'
import { enters, says } from './log-lines.ts'
import { simulating } from './models.ts'
import { commandLineOf, livingOf } from './processes.ts'
import { startProgram } from './program.ts'

test("changing the loaded model's arguments restarts it once its streams have ended", async () => {
  const slow = simulating({ itl: '10ms' })
  const program = await startProgram({ models: { a: slow } })
  const long = stream(program, 'a', 120)
  await long.begun
  await program.models.write('a', { ...slow, maxModelLen: 4096 })
  await program.waitForLog(enters('switchingModel.draining'))
  const waiting = ask(program, 'a')
  expect(await long.done).toMatchObject({ tokens: 120, finish: 'length' })
  expect(await contentOf(await waiting)).toBe('[a] you said: hi')

  const starts = program.started()
  expect(starts).toHaveLength(2)
  const words = await commandLineOf(starts[1]?.pid as number)
  expect(words[words.indexOf('--max-model-len') + 1]).toBe('4096')
})

test('a change that is not about the process restarts nothing', async () => {
  const program = await startProgram({ models: { a: {} } })
  await ask(program, 'a')
  await program.models.write('a', { priority: 5, idleTimeout: '1h' })
  await program.waitForLog(says('model changed'))
  await ask(program, 'a')
  expect(program.started()).toHaveLength(1)
})

test('a model that is added can be used at once, and the loaded one is left alone', async () => {
  const program = await startProgram({ models: { a: {} } })
  await ask(program, 'a')
  expect((await ask(program, 'c')).status).toBe(404)
  await program.models.write('c')
  await program.waitForLog(says('model added'), program.log.all.length)
  expect((await openai(program).models.list()).data.map(({ id }) => id)).toEqual(['a', 'c'])
  expect(await program.backend()).toMatchObject({ state: 'ready.quiet', model: 'a' })
  expect(await contentOf(await ask(program, 'c'))).toBe('[c] you said: hi')
})

test('of a removed model the stream ends whole, who waits is told, and the process goes', async () => {
  const program = await startProgram({
    models: { a: { ...simulating({ itl: '10ms' }), maxInFlight: 1 }, b: {} },
  })
  const long = stream(program, 'a', 120)
  await long.begun
  const waiting = ask(program, 'a')
  await program.untilBackend((backend) => backend.waiting.length === 1)
  await program.models.remove('a')
  expect(await refusalOf(await waiting)).toMatchObject({ status: 404, code: 'model_not_found' })
  expect(await refusalOf(await ask(program, 'a'))).toMatchObject({ code: 'model_not_found' })
  expect(long.tokens).toBeLessThan(120)
  expect(await long.done).toMatchObject({ tokens: 120, finish: 'length' })

  await program.waitForLog(enters('cold'))
  expect(await livingOf(program.runId)).toEqual([program.pid])
  expect(await contentOf(await ask(program, 'b'))).toBe('[b] you said: hi')
})

test('a model removed while it loads is not waited for', async () => {
  const program = await startProgram({ models: { a: simulating({ hangLoad: true }), b: {} } })
  const waiting = ask(program, 'a')
  await program.untilBackend(({ progress }) => progress?.phase === 'loading')
  await program.models.remove('a')
  expect(await refusalOf(await waiting)).toMatchObject({ status: 404 })
  expect(await contentOf(await ask(program, 'b'))).toBe('[b] you said: hi')
})

test('a broken file keeps the last good state of its model and is reported', async () => {
  const program = await startProgram({ models: { a: {} } })
  await ask(program, 'a')
  await program.models.scribble('a', 'kind: VLLMModel\nspec: {servedModelName: a, maxModelLen: 1')
  await program.waitForLog(says('manifest not used'))
  expect((await program.status()).problems).toMatchObject([
    { source: expect.stringContaining('a.yaml') },
  ])
  expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
  expect(program.started()).toHaveLength(1)

  await program.models.write('a')
  await program.waitForLog(says('manifest problem gone'))
  expect((await program.status()).problems).toEqual([])
  await ask(program, 'a')
  expect(program.started()).toHaveLength(1)
})
