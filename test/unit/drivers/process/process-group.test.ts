import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, onTestFinished, test, vi } from 'vitest'
import { markerName } from '../../../../src/drivers/process/marker.ts'
import { ProcessGroup } from '../../../../src/drivers/process/process-group.ts'
import { processEntry } from '../../../../src/drivers/process/process-table.ts'

const idle = 'setInterval(() => {}, 60000)'
const never = new AbortController().signal

function killLater(...pids: number[]): void {
  onTestFinished(() => {
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended, as it should.
      }
    }
  })
}

/** A group of its own: a leader and, when asked for, one worker; with this environment. */
async function group(env: Record<string, string>, worker = false) {
  const spawnWorker = `const { spawn } = require('node:child_process')
    console.log(spawn(process.execPath, ['-e', '${idle}'], { stdio: 'ignore', env: process.env }).pid)`
  const child = spawn(
    process.execPath,
    ['-e', `${worker ? spawnWorker : 'console.log(0)'};${idle}`],
    {
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { PATH: process.env['PATH'], ...env },
    },
  )
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  const pid = child.pid ?? 0
  const workerPid = Number(said)
  killLater(pid, ...(worker ? [workerPid] : []))
  const startTime = processEntry(pid)?.startTime ?? ''
  return { child, workerPid, leader: { pid, startTime } }
}

async function leave({ child }: { child: ReturnType<typeof spawn> }): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

test('a zombie that nobody reaps does not count as a member', async () => {
  // A stopped parent does not ask for exit codes.
  const script = `console.log(require('node:child_process').spawn(process.execPath, ['-e', '${idle}'], { detached: true, stdio: 'ignore' }).pid);${idle}`
  const stopped = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] })
  const [said] = (await once(stopped.stdout, 'data')) as [Buffer]
  const pid = Number(said)
  killLater(stopped.pid ?? 0, pid)
  const startTime = processEntry(pid)?.startTime ?? ''
  const zombies = new ProcessGroup({ marker: 'unseen-marker', leader: { pid, startTime } })
  expect(await zombies.isEmpty()).toBe(false)
  process.kill(stopped.pid ?? 0, 'SIGSTOP')
  process.kill(pid, 'SIGKILL')
  await vi.waitFor(() => expect(processEntry(pid)?.zombie).toBe(true), 10_000)
  // The kernel still knows the group, which is why asking it alone would wait for ever.
  expect(process.kill(-pid, 0)).toBe(true)
  expect(await zombies.isEmpty()).toBe(true)
  await zombies.end({ graceMs: 60_000, signal: never })
})

test('a worker is known by its marker when the leader is dead', async () => {
  const started = await group({ [markerName]: 'marker-of-this-launch' }, true)
  await leave(started)
  const { leader, workerPid } = started
  const later = new ProcessGroup({ marker: 'marker-of-this-launch', leader })
  expect(await later.members()).toEqual({ inGroup: [workerPid], strays: [] })
})

test('a worker without the marker is not touched by a later program', async () => {
  const started = await group({}, true)
  await leave(started)
  const later = new ProcessGroup({ marker: 'marker-of-this-launch', leader: started.leader })
  expect(await later.isEmpty()).toBe(true)
  await later.end({ graceMs: 0, signal: never })
  expect(processEntry(started.workerPid)?.zombie).toBe(false)
})

test('a worker that wiped its environment stays known to the program that launched it', async () => {
  const started = await group({}, true)
  const mine = new ProcessGroup({ marker: 'marker-of-this-launch', leader: started.leader })
  await leave(started)
  await mine.rememberMembers()
  expect((await mine.members()).inGroup).toEqual([started.workerPid])
  await mine.end({ graceMs: 10_000, signal: never })
  await vi.waitFor(() => expect(processEntry(started.workerPid)?.zombie ?? true).toBe(true))
})

test('a process with the pid of an earlier leader is not touched', async () => {
  const { leader } = await group({})
  const recycled = new ProcessGroup({
    marker: 'marker-of-this-launch',
    leader: { ...leader, startTime: '1.earlier' },
  })
  expect(await recycled.isEmpty()).toBe(true)
  await recycled.end({ graceMs: 0, signal: never })
  expect(processEntry(leader.pid)?.zombie).toBe(false)
})
