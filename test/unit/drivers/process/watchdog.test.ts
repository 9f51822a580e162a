import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test, vi } from 'vitest'
import { markerName } from '../../../../src/drivers/process/marker.ts'
import { processEntry } from '../../../../src/drivers/process/process-table.ts'
import { startWatchdog } from '../../../../src/drivers/process/watchdog.ts'

const log = { info() {}, warn: vi.fn<() => void>(), error() {} }

function lives(pid: number | undefined): boolean {
  return processEntry(pid ?? 0)?.zombie === false
}

async function sleeper(env: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 60000)'], {
    detached: true,
    stdio: 'ignore',
    env,
  })
  await once(child, 'spawn')
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

test('a watchdog that is dismissed leaves, and leaves the group alone', async () => {
  const child = await sleeper()
  const watchdog = startWatchdog('no-process-has-this', 0, log)
  watchdog.guard(child.pid ?? 0)
  watchdog.dismiss()
  watchdog.dismiss()
  await vi.waitFor(() => expect(lives(watchdog.pid)).toBe(false), 10_000)
  expect(lives(child.pid)).toBe(true)
  expect(log.warn).not.toHaveBeenCalled()
})

test('a watchdog that guards nothing yet can be dismissed', async () => {
  const child = await sleeper({ [markerName]: 'marker-of-this-test' })
  const watchdog = startWatchdog('marker-of-this-test', 60_000, log)
  watchdog.dismiss()
  await vi.waitFor(() => expect(lives(watchdog.pid)).toBe(false), 10_000)
  expect(lives(child.pid)).toBe(true)
})

test('a watchdog that ends early is told', async () => {
  const watchdog = startWatchdog('no-process-has-this', 0, log)
  onTestFinished(() => watchdog.dismiss())
  process.kill(watchdog.pid ?? 0, 'SIGKILL')
  await vi.waitFor(() => expect(log.warn).toHaveBeenCalledOnce(), 10_000)
})

/** A program that ends as soon as it has nothing left to wait for. */
async function programThat(calls: string): Promise<string> {
  const module = new URL('../../../../src/drivers/process/watchdog.ts', import.meta.url).href
  const script = `import { startWatchdog } from '${module}'; ${calls}`
  const program = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void program.kill('SIGKILL'))
  const said = text(program.stdout)
  await once(program, 'exit')
  return await said
}

test('a watchdog does not keep the program running', async () => {
  const said = await programThat(
    "console.log(startWatchdog('no-process-has-this', 0, console).pid)",
  )
  await vi.waitFor(() => expect(lives(Number(said))).toBe(false), 10_000)
})

test('a watchdog ends its group when the program is gone, whatever environment the group has', async () => {
  const child = await sleeper()
  await programThat(`startWatchdog('no-process-has-this', 9000, console).guard(${child.pid})`)
  await vi.waitFor(() => expect(lives(child.pid)).toBe(false), 10_000)
})
