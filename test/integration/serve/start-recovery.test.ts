import { expect, test } from 'vitest'
import { ask, contentOf, refusalOf } from './conversation.ts'
import { says } from './log-lines.ts'
import { simulating } from './models.ts'
import { commandLineOf } from './processes.ts'
import { startProgram } from './program.ts'

test('a mended manifest works at once, whatever of the backoff is left (defect 5)', async () => {
  const program = await startProgram({ models: { a: simulating({ failLoad: 3 }) } })
  await ask(program, 'a')
  await program.untilBackend(({ failures }) => failures[0]?.retryInMs === 0)
  await ask(program, 'a')
  expect((await program.backend()).failures).toMatchObject([{ attempts: 2 }])

  await program.models.write('a')
  await program.waitForLog(says('model changed'))
  expect((await program.backend()).failures).toEqual([])
  expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
})

test('an operator who starts a broken model ends its backoff', async () => {
  const program = await startProgram({ models: { a: simulating({ failLoad: 3 }) } })
  await ask(program, 'a')
  expect((await program.operate('operations/start', { model: 'a' })).status).toBe(202)
  await program.untilBackend(({ failures }) => failures[0]?.attempts === 1)
  await program.untilBackend(({ generation, state }) => generation === 2 && state === 'cold')
})

test('an empty toolCallParser and a whole gpuMemoryUtilization start as they should (defect 7)', async () => {
  const program = await startProgram({
    models: { a: { toolCallParser: '', reasoningParser: '', gpuMemoryUtilization: 1 } },
  })
  expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
  const words = await commandLineOf(program.started()[0]?.pid as number)
  expect(words[words.indexOf('--gpu-memory-utilization') + 1]).toBe('1')
  expect(words).not.toContain('--tool-call-parser')
  expect(words).not.toContain('--enable-auto-tool-choice')
})

test('a load that hangs fails at the start timeout and says how far it came', async () => {
  const program = await startProgram({
    models: { hangs: { ...simulating({ hangLoad: true }), startTimeout: '2s' }, b: {} },
  })
  const hanging = ask(program, 'hangs')
  await program.untilBackend(({ progress }) => progress?.phase === 'loading')
  const other = ask(program, 'b')
  const refusal = await refusalOf(await hanging)
  expect(refusal).toMatchObject({ status: 503, code: 'model_failed' })
  expect(refusal.message).toMatch(/deadline.*not ready after 2 s \(last phase: loading\)/)
  expect(await contentOf(await other)).toBe('[b] you said: hi')
})

test("a model's own start timeout goes before the general one (defect 12)", async () => {
  const slow = simulating({ loadTime: '1500ms' })
  const program = await startProgram({
    models: { patient: { ...slow, startTimeout: '1m' }, hasty: slow },
    flags: ['--start-timeout', '1s'],
  })
  expect(await contentOf(await ask(program, 'patient'))).toBe('[patient] you said: hi')
  const refusal = await refusalOf(await ask(program, 'hasty'))
  expect(refusal.message).toContain('not ready after 1 s')
})

test('who waits for a model whose start hangs can be helped by mending it', async () => {
  const program = await startProgram({ models: { a: simulating({ hangLoad: true }) } })
  const waiting = ask(program, 'a')
  await program.untilBackend(({ progress }) => progress?.phase === 'loading')
  await program.models.write('a')
  expect(await contentOf(await waiting)).toBe('[a] you said: hi')
  expect(program.started()).toHaveLength(2)
})
