import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { whyNotExecutable } from '../../../../src/drivers/process/executable.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'executable-'))
  await mkdir(join(folder, 'first', 'folder'), { recursive: true })
  await mkdir(join(folder, 'second'))
  await writeFile(join(folder, 'first', 'vllm'), '', { mode: 0o644 })
  await writeFile(join(folder, 'second', 'vllm'), '', { mode: 0o755 })
})
afterAll(() => rm(folder, { recursive: true }))

test('a program is looked for in every folder of the PATH', async () => {
  const path = `${join(folder, 'first')}:${join(folder, 'second')}`
  expect(await whyNotExecutable('vllm', path)).toBeUndefined()
})

test.each([
  ['that is not there', 'other', 'it is not on the PATH'],
  ['that may not be run', 'vllm', 'vllm is not executable'],
  ['that is a folder', 'folder', 'folder is not executable'],
  ['without a name', '', 'the command is empty'],
])('a program %s is told', async (_, program, why) => {
  expect(await whyNotExecutable(program, join(folder, 'first'))).toContain(why)
})

test('a path is taken as it is', async () => {
  expect(await whyNotExecutable(join(folder, 'second', 'vllm'), undefined)).toBeUndefined()
  expect(await whyNotExecutable(join(folder, 'first', 'vllm'), undefined)).toContain(
    'not executable',
  )
  expect(await whyNotExecutable('./no/vllm', undefined)).toContain('not there')
})
