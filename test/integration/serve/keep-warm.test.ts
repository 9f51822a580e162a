import { expect, test } from 'vitest'
import { ask, contentOf, waitedMs } from './conversation.ts'
import { enters } from './log-lines.ts'
import { startProgram } from './program.ts'

test('a model that is kept warm is there before anybody asks, makes room, and comes back', async () => {
  const program = await startProgram({
    flags: ['--idle-timeout', '200ms'],
    config: { keepWarm: [{ model: 'a', cron: '* * * * *', for: '1h', timeZone: 'Europe/Berlin' }] },
  })
  const kept = await program.untilBackend(({ state }) => state === 'ready.quiet')
  expect(kept).toMatchObject({ model: 'a', because: 'kept warm' })
  expect(waitedMs(await ask(program, 'a'))).toBe(0)

  expect(await contentOf(await ask(program, 'b'))).toBe('[b] you said: hi')
  await program.untilBackend(({ state, model }) => state === 'ready.quiet' && model === 'a')
  expect(program.started().map(({ model }) => model)).toEqual(['a', 'b', 'a'])
  expect(waitedMs(await ask(program, 'a'))).toBe(0)
})

test('an operator who stops it has it down, and the GPU free', async () => {
  const program = await startProgram({
    config: { keepWarm: [{ model: 'a', cron: '* * * * *', for: '1h' }] },
  })
  await program.untilBackend(({ state }) => state === 'ready.quiet')
  const from = program.log.all.length
  await program.operate('operations/stop')
  await program.waitForLog(enters('cold'), from)
  expect(await program.backend()).toMatchObject({ state: 'cold' })
  expect(program.started()).toHaveLength(1)
})

test('what is preloaded is loaded at the start, and then goes as any other', async () => {
  const program = await startProgram({ flags: ['--preload', 'b', '--idle-timeout', '300ms'] })
  await program.waitForLog(enters('ready.quiet'))
  await program.waitForLog(enters('cold'))
  expect(program.started().map(({ model }) => model)).toEqual(['b'])
})

test('the default model comes back when another was idled out, and is idled out in its turn', async () => {
  const program = await startProgram({
    flags: ['--default-model', 'a', '--return-to-default', '--idle-timeout', '200ms'],
  })
  await ask(program, 'b')
  await program.waitForLog(
    ({ backend, model, to }) => backend === 'vllm' && model === 'a' && to === 'ready.quiet',
  )
  await program.untilBackend(({ state }) => state === 'cold')
  expect(program.started().map(({ model }) => model)).toEqual(['b', 'a'])
})
