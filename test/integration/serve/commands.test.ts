import { expect, test } from 'vitest'
import type { ModelsAnswer, StatusAnswer } from '../../../src/operations/index.ts'
import { ask, refusalOf } from './conversation.ts'
import { simulating } from './models.ts'
import { run } from './command.ts'
import { startProgram } from './program.ts'

test('status, models, switch, stop and start command a running instance', async () => {
  const program = await startProgram()
  const at = ['--url', program.url]

  const models = await run('models', '--json', ...at)
  expect(models.code).toBe(0)
  const listed = (JSON.parse(models.out) as ModelsAnswer).models
  expect(listed.map(({ name, on }) => [name, on])).toEqual([
    ['a', []],
    ['b', []],
  ])

  expect(await run('switch', 'b', ...at)).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^b is ready on vllm after /) as string,
  })
  const status = await run('status', '--json', ...at)
  expect(status.code).toBe(0)
  expect((JSON.parse(status.out) as StatusAnswer).backends).toMatchObject([
    { name: 'vllm', state: 'ready.quiet', model: 'b' },
  ])
  expect((await run('status', ...at)).out).toMatch(/BACKEND +STATE +MODEL[^]*vllm +ready.* b /)

  expect(await run('stop', '--hold', ...at)).toMatchObject({ code: 0 })
  expect(await program.backend()).toMatchObject({ state: 'cold', held: true })
  expect(await refusalOf(await ask(program, 'a'))).toMatchObject({ code: 'backend_held' })

  expect(await run('start', '--model', 'a', ...at)).toMatchObject({ code: 0 })
  expect(await program.backend()).toMatchObject({ state: 'ready.quiet', model: 'a', held: false })
})

test('a switch to a model that cannot start ends with its reason and exit code 1', async () => {
  const program = await startProgram({ models: { broken: simulating({ failLoad: 3 }) } })
  const { code, said } = await run('switch', 'broken', '--url', program.url)
  expect(code).toBe(1)
  expect(said).toContain('exited with code 3')
})

test('a model that nobody knows, or an instance that does not run, is exit code 1', async () => {
  const program = await startProgram()
  const unknown = await run('switch', 'c', '--url', program.url)
  expect(unknown).toMatchObject({
    code: 1,
    said: expect.stringContaining('No model "c"') as string,
  })
  program.signal('SIGTERM')
  await program.exited
  const gone = await run('status', '--url', program.url)
  expect(gone).toMatchObject({
    code: 1,
    said: expect.stringContaining('Nothing listens') as string,
  })
})
