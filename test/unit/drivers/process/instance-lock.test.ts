import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ConfigError } from '../../../../src/config/index.ts'
import { lockStateDir, StateDirInUseError } from '../../../../src/drivers/process/instance-lock.ts'
import { processEntry } from '../../../../src/drivers/process/process-table.ts'

function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'instance-lock-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('a state folder is for one at a time, and free again after the release', () => {
  const stateDir = join(scratchFolder(), 'made', 'here')
  const lock = lockStateDir(stateDir)
  expect(() => lockStateDir(stateDir)).toThrow(StateDirInUseError)
  expect(() => lockStateDir(stateDir)).toThrow(`process id ${process.pid}; stop that one`)
  lock.release()
  lockStateDir(stateDir).release()
  expect(readdirSync(stateDir)).toEqual([])
})

test.each([
  ['of a process that is gone', `${2 ** 30} 1.boot\n`],
  ['of another process with a recycled pid', `${process.ppid} 1.another\n`],
  ['that is empty', ''],
])('a lock %s is taken over', (_, content) => {
  const folder = scratchFolder()
  writeFileSync(join(folder, 'instance.lock'), content)
  const lock = lockStateDir(folder)
  expect(readFileSync(join(folder, 'instance.lock'), 'utf8')).toMatch(`${process.pid} `)
  lock.release()
})

test('a lock of another living process is respected, and not released by us', () => {
  const folder = scratchFolder()
  const theirs = `${process.ppid} ${processEntry(process.ppid)?.startTime}\n`
  const lock = lockStateDir(folder)
  writeFileSync(join(folder, 'instance.lock'), theirs)
  lock.release()
  expect(() => lockStateDir(folder)).toThrow(`process id ${process.ppid}`)
  expect(readFileSync(join(folder, 'instance.lock'), 'utf8')).toBe(theirs)
})

test('a state folder that cannot be written is told in one sentence with advice', () => {
  const file = join(scratchFolder(), 'file')
  writeFileSync(file, '')
  const stateDir = join(file, 'state')
  expect(() => lockStateDir(stateDir)).toThrow(ConfigError)
  expect(() => lockStateDir(stateDir)).toThrow(
    /^stateDir: .*state cannot be written \(ENOTDIR.*\); choose another with `--state-dir`$/,
  )
})
