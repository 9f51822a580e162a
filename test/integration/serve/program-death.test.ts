import { expect, test } from 'vitest'
import { ask, contentOf, stream } from './conversation.ts'
import { says, until } from './log-lines.ts'
import { simulating } from './models.ts'
import { livingOf } from './processes.ts'
import { startProgram, type Program } from './program.ts'

const slow = { a: simulating({ itl: '10ms' }), b: {} }

async function kill(program: Program): Promise<void> {
  program.signal('SIGKILL')
  expect(await program.exited).toEqual({ code: null, signal: 'SIGKILL' })
}

test('SIGKILL with a loaded model: its processes are gone soon, and a new start works', async () => {
  const program = await startProgram({ models: slow })
  const long = stream(program, 'a', 30_000)
  await long.begun
  await kill(program)
  await expect(long.done).rejects.toThrow()
  await until(async () => (await livingOf(program.runId)).length === 0)

  const next = await startProgram({ folder: program.folder })
  // Before that it looks at what is there.
  const resting = await next.untilBackend(({ state }) => state === 'cold')
  expect(resting.generation).toBe(0)
  expect(await contentOf(await ask(next, 'b'))).toBe('[b] you said: hi')
})

test('SIGKILL while a model loads: its processes are gone soon, and a new start works', async () => {
  const program = await startProgram({ models: { ...slow, h: simulating({ hangLoad: true }) } })
  const waiting = ask(program, 'h')
  await program.untilBackend(({ progress }) => progress?.phase === 'loading')
  await program.waitForLog(says('Starting to load model'))
  const lost = expect(waiting).rejects.toThrow()
  await kill(program)
  await lost
  await until(async () => (await livingOf(program.runId)).length === 0)

  const next = await startProgram({ folder: program.folder })
  expect(await contentOf(await ask(next, 'a'))).toBe('[a] you said: hi')
})

test('started again at once, it first ends what the killed one left, so that no GPU is used twice', async () => {
  const program = await startProgram({ models: slow, simulate: '--worker-linger 1s' })
  await ask(program, 'a')
  const left = program.started()[0]?.pid as number
  await kill(program)
  const next = await startProgram({ folder: program.folder })
  expect(await contentOf(await ask(next, 'b'))).toBe('[b] you said: hi')
  const living = await livingOf(program.runId)
  expect(living).not.toContain(left)
  expect(living).toEqual([])
})

test('what ignores SIGTERM and outlives the killed program is swept before anything starts', async () => {
  const program = await startProgram({
    models: slow,
    simulate: '--ignore-sigterm',
    flags: ['--termination-grace', '500ms'],
  })
  await ask(program, 'a')
  await kill(program)
  const next = await startProgram({
    folder: program.folder,
    flags: ['--termination-grace', '500ms'],
  })
  expect(await contentOf(await ask(next, 'b'))).toBe('[b] you said: hi')
  expect(await livingOf(program.runId)).toEqual([])
})

test('two programs never share a state folder', async () => {
  const program = await startProgram({ models: slow })
  await expect(startProgram({ folder: program.folder })).rejects.toThrow(String(program.pid))
  expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
})
