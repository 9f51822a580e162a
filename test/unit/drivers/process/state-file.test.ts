import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readStates, writeState } from '../../../../src/drivers/process/state-file.ts'
import { sweep } from '../../../../src/drivers/process/sweep.ts'

const state = {
  backend: 'gpu',
  marker: 'a-marker-of-nobody',
  model: 'm',
  port: 1,
  command: ['vllm'],
}
const log = { info() {}, warn() {}, error() {} }

function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'state-file-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('a record is read as it was written, and leaves no draft', () => {
  const folder = scratchFolder()
  writeState(folder, state)
  expect(readStates(folder)).toEqual({ states: [state], broken: [] })
  expect(readdirSync(folder)).toEqual(['gpu.json'])
})

test('a record that cannot be written leaves no draft either', () => {
  const folder = scratchFolder()
  mkdirSync(join(folder, 'gpu.json'))
  expect(() => writeState(folder, state)).toThrow()
  expect(readdirSync(folder)).toEqual(['gpu.json'])
})

test('drafts of a program that was killed while it wrote are swept', async () => {
  const folder = scratchFolder()
  writeState(folder, state)
  writeFileSync(join(folder, 'gpu.json.4711.new'), '{"backend":')
  await sweep({ stateDir: folder, graceMs: 0, signal: new AbortController().signal, log })
  expect(readdirSync(folder)).toEqual([])
})
