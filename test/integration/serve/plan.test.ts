import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { fakeTerminal } from '../../unit/cli/terminals.ts'
import { ask } from './conversation.ts'
import { startProgram } from './program.ts'

test('the log of a running program is a trace for `plan`, with the loads that it measured', async () => {
  const program = await startProgram()
  for (const model of ['a', 'b', 'a']) await ask(program, model)
  await ask(program, 'nobody knows it')
  const isDone = () => program.log.all.filter(({ status }) => status === 200).length === 3
  await program.waitForLog(() => isDone())
  const trace = join(program.folder, 'serve.log')
  await writeFile(trace, program.log.all.map((line) => `${JSON.stringify(line)}\n`).join(''))

  const terminal = fakeTerminal()
  const words = ['plan', '--trace', trace, '--models', program.models.path, '--json']
  expect(await main(['node', 'vllm-chill', ...words], terminal), terminal.said.join('')).toBe(0)
  const { trace: read, models } = JSON.parse(terminal.printed.join('')) as {
    trace: { requests: number }
    models: { model: string; loadMs: number; source: string }[]
  }
  expect(read.requests).toBe(3)
  expect(models.map(({ model, source }) => `${model} ${source}`)).toEqual([
    'a measured',
    'b measured',
  ])
  for (const { loadMs } of models) {
    expect(loadMs).toBeGreaterThan(0)
    expect(loadMs).toBeLessThan(30_000)
  }
})
