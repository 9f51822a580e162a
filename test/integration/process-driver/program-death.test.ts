import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { StateDirInUseError } from '../../../src/drivers/process/index.ts'
import {
  hostCommand,
  killIfThere,
  lives,
  pidsIn,
  scratchFolder,
  serverCommand,
  setUp,
  until,
} from './harness.ts'

interface Recorded {
  leader: { pid: number; startTime: string }
  marker: string
  watchdog: number
}

/** A program with one ready backend, whose worker is deaf to SIGTERM. */
async function runningProgram(where = 'group') {
  const workers = join(await scratchFolder(), 'workers')
  const env = { FAKE_WORKER: where, FAKE_WORKER_PIDS: workers }
  const running = await runningProgramWith(serverCommand, env)
  const [worker] = await pidsIn(workers)
  return { ...running, worker: worker! }
}

async function runningProgramWith(command: string[], env: Record<string, string>) {
  const stateDir = await scratchFolder()
  const said = join(await scratchFolder(), 'said')
  const input = JSON.stringify({ stateDir, command, env, said })
  const [node = '', ...host] = hostCommand
  const program = spawn(node, [...host, input], { stdio: 'inherit' })
  onTestFinished(() => void program.kill('SIGKILL'))
  await until(() => existsSync(said))
  const state = await recorded(stateDir)
  onTestFinished(() => killIfThere(state.leader.pid))
  return { stateDir, program, state }
}

async function recorded(stateDir: string): Promise<Recorded> {
  return JSON.parse(await readFile(join(stateDir, 'gpu.json'), 'utf8')) as Recorded
}

async function kill(program: ChildProcess): Promise<void> {
  program.kill('SIGKILL')
  await once(program, 'exit')
}

test.each(['group', 'setsid'])(
  'the watchdog ends the backend of a program that was killed (worker: %s)',
  async (where) => {
    const { program, worker, state } = await runningProgram(where)
    expect(await lives(state.leader.pid)).toBe(true)
    await kill(program)
    await until(async () => !(await lives(state.leader.pid)))
    await until(async () => !(await lives(worker)))
    await until(async () => !(await lives(state.watchdog)))
  },
)

const withoutEnvironment = ['/usr/bin/env', '-i', ...serverCommand]

test('the watchdog ends a backend that wiped its environment', async () => {
  const { program, state } = await runningProgramWith(withoutEnvironment, {})
  await kill(program)
  await until(async () => !(await lives(state.leader.pid)))
})

test('a backend that wiped its environment is swept by its start time', async () => {
  const { stateDir, program, state } = await runningProgramWith(withoutEnvironment, {})
  process.kill(state.watchdog, 'SIGKILL')
  await until(async () => !(await lives(state.watchdog)))
  await kill(program)
  const { driver } = await setUp({ stateDir })
  await driver.observe('gpu')
  expect(await lives(state.leader.pid)).toBe(false)
})

test('what outlives program and watchdog is swept by the next start, whatever it is called there', async () => {
  const { stateDir, program, worker, state } = await runningProgram()
  process.kill(state.watchdog, 'SIGKILL')
  await until(async () => !(await lives(state.watchdog)))
  await kill(program)
  expect(await lives(state.leader.pid)).toBe(true)

  const { driver } = await setUp({ stateDir, terminationGraceMs: 100 })
  expect(await driver.observe('renamed')).toEqual({ found: 'nothing' })
  expect(await lives(state.leader.pid)).toBe(false)
  expect(await lives(worker)).toBe(false)
  expect(existsSync(join(stateDir, 'gpu.json'))).toBe(false)
})

test('workers whose leader is dead are swept by their marker', async () => {
  const { stateDir, program, worker, state } = await runningProgram('setsid')
  process.kill(state.watchdog, 'SIGKILL')
  await until(async () => !(await lives(state.watchdog)))
  await kill(program)
  process.kill(state.leader.pid, 'SIGKILL')
  await until(async () => !(await lives(state.leader.pid)))
  const { driver } = await setUp({ stateDir, terminationGraceMs: 100 })
  await driver.observe('gpu')
  expect(await lives(worker)).toBe(false)
})

test('a process that got a recycled pid is left alone', async () => {
  const stateDir = await scratchFolder()
  const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 60000)'], {
    detached: true,
    stdio: 'ignore',
  })
  await once(stranger, 'spawn')
  onTestFinished(() => void stranger.kill('SIGKILL'))
  const state = {
    backend: 'gpu',
    marker: 'a-marker-of-an-earlier-launch',
    model: 'm',
    port: 1,
    command: ['vllm'],
    leader: { pid: stranger.pid, startTime: '1.another' },
  }
  await writeFile(join(stateDir, 'gpu.json'), JSON.stringify(state))
  const { driver } = await setUp({ stateDir, terminationGraceMs: 50 })
  expect(await driver.observe('gpu')).toEqual({ found: 'nothing' })
  expect(await lives(stranger.pid!)).toBe(true)
  expect(existsSync(join(stateDir, 'gpu.json'))).toBe(false)
})

test('a state file that cannot be read stops nothing', async () => {
  const stateDir = await scratchFolder()
  await writeFile(join(stateDir, 'gpu.json'), '{"backend":')
  const { driver, warnings, start } = await setUp({ stateDir })
  expect(await driver.observe('gpu')).toEqual({ found: 'nothing' })
  expect(warnings).toMatchObject([expect.stringContaining('cannot be read')])
  await start()
})

test('a second program on the same state folder is refused, and touches nothing', async () => {
  const { stateDir, program, state } = await runningProgram()
  const second = setUp({ stateDir })
  await expect(second).rejects.toBeInstanceOf(StateDirInUseError)
  await expect(second).rejects.toThrow(`process id ${program.pid}`)
  expect(await lives(state.leader.pid)).toBe(true)
  expect(await recorded(stateDir)).toEqual(state)
})
