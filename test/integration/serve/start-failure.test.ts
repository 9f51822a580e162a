import { expect, test } from 'vitest'
import { ask, contentOf, openai, refusalOf, saying, stream } from './conversation.ts'
import { simulating } from './models.ts'
import { startProgram, type Program } from './program.ts'

const startsOf = (program: Program, model: string) =>
  program.started().filter((start) => start.model === model).length

test('every waiter of a failed start hears exit code and last log lines (defect 5)', async () => {
  const program = await startProgram({
    models: { broken: simulating({ failLoad: 3, loadTime: '500ms' }) },
  })
  const waits = Array.from({ length: 5 }, () => ask(program, 'broken'))
  await program.untilBackend(({ waiting }) => waiting[0]?.count === 5)
  for (const answer of await Promise.all(waits)) {
    const refusal = await refusalOf(answer)
    expect(refusal).toMatchObject({ status: 503, code: 'model_failed', shouldRetry: 'false' })
    expect(refusal.retryAfter).toBeGreaterThan(0)
    expect(refusal.message).toContain('exited with code 3')
    expect(refusal.message).toContain('RuntimeError: the simulated load failed, as told')
    expect(refusal.message).toMatch(/Last log lines:[^]*checkpoint shards/)
  }
  expect(program.started()).toHaveLength(1)
})

test('while it backs off, a broken model is refused at once, and started again only when asked', async () => {
  const program = await startProgram({ models: { broken: simulating({ failLoad: 3 }) } })
  await ask(program, 'broken')
  const first = await program.backend()
  const again = await refusalOf(await ask(program, 'broken'))
  expect(again).toMatchObject({ status: 503, code: 'model_failed', retryAfter: 1 })
  expect(startsOf(program, 'broken')).toBe(1)
  expect(first.failures).toMatchObject([{ model: 'broken', reason: 'exited', attempts: 1 }])

  await program.untilBackend(({ failures }) => failures[0]?.retryInMs === 0)
  expect(startsOf(program, 'broken')).toBe(1)
  const later = await refusalOf(await ask(program, 'broken'))
  expect(later).toMatchObject({ code: 'model_failed', retryAfter: 2 })
  expect(startsOf(program, 'broken')).toBe(2)
})

test('the SDK, told that trying again is useless, does not try again', async () => {
  const program = await startProgram({ models: { broken: simulating({ failLoad: 3 }) } })
  const patient = openai(program, { maxRetries: 5 })
  const asked = patient.chat.completions.create({ model: 'broken', messages: saying('hi') })
  await expect(asked).rejects.toMatchObject({ status: 503, code: 'model_failed' })
  expect(startsOf(program, 'broken')).toBe(1)
})

test('a broken model neither evicts a healthy one while it backs off nor holds up its requests', async () => {
  const program = await startProgram({
    models: { sound: simulating({ itl: '10ms' }), broken: simulating({ failLoad: 3 }) },
  })
  expect((await ask(program, 'broken')).status).toBe(503)
  // A second failure, so that the backoff outlasts the start of the other model.
  await program.untilBackend(({ failures }) => failures[0]?.retryInMs === 0)
  const waits = [ask(program, 'broken'), ask(program, 'sound')]
  expect(await refusalOf((await waits[0]) as Response)).toMatchObject({ retryAfter: 2 })
  expect(await contentOf((await waits[1]) as Response)).toBe('[sound] you said: hi')

  const long = stream(program, 'sound', 30)
  await long.begun
  const { failures } = await program.backend()
  const refusal = await refusalOf(await ask(program, 'broken'))
  expect(refusal).toMatchObject({ status: 503, code: 'model_failed' })
  expect(failures[0]).toMatchObject({ attempts: 2 })
  expect(await long.done).toMatchObject({ tokens: 30 })
  expect(await program.backend()).toMatchObject({ model: 'sound', waiting: [] })
  expect([startsOf(program, 'broken'), startsOf(program, 'sound')]).toEqual([2, 1])
})

test('a command that is not there is told as such', async () => {
  const program = await startProgram({ models: { a: { command: 'no-such-vllm serve' } } })
  const refusal = await refusalOf(await ask(program, 'a'))
  expect(refusal).toMatchObject({ status: 503, code: 'model_failed', shouldRetry: 'false' })
  expect(refusal.message).toMatch(/command_not_found.*no-such-vllm/)
})

test('a backend that serves another name than it should answers nobody', async () => {
  const program = await startProgram({ models: { a: simulating({ wrongModel: 'other' }) } })
  const refusal = await refusalOf(await ask(program, 'a'))
  expect(refusal).toMatchObject({ status: 503, code: 'model_failed' })
  expect(refusal.message).toMatch(/wrong_model.*"other", not "a"/)
  await program.untilBackend(({ state }) => state === 'cold')
})
