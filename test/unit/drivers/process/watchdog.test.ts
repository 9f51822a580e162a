import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, onTestFinished, test, vi } from 'vitest'
import { processEntry } from '../../../../src/drivers/process/process-table.ts'
import { startWatchdog } from '../../../../src/drivers/process/watchdog.ts'

const log = { info() {}, warn: vi.fn<() => void>(), error() {} }

function lives(pid: number | undefined): boolean {
  return processEntry(pid ?? 0)?.zombie === false
}

async function sleeper() {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 60000)'], {
    detached: true,
    stdio: 'ignore',
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
  const watchdog = startWatchdog('no-process-has-this', 60_000, log)
  watchdog.dismiss()
  await vi.waitFor(() => expect(lives(watchdog.pid)).toBe(false), 10_000)
})

test('a watchdog that ends early is told', async () => {
  const watchdog = startWatchdog('no-process-has-this', 0, log)
  onTestFinished(() => watchdog.dismiss())
  process.kill(watchdog.pid ?? 0, 'SIGKILL')
  await vi.waitFor(() => expect(log.warn).toHaveBeenCalledOnce(), 10_000)
})

test('a watchdog does not keep the program running', async () => {
  const module = new URL('../../../../src/drivers/process/watchdog.ts', import.meta.url).href
  const script = `import { startWatchdog } from '${module}'
    console.log(startWatchdog('no-process-has-this', 0, console).pid)`
  const program = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const said = once(program.stdout, 'data')
  const [code] = await once(program, 'exit')
  expect(code).toBe(0)
  const [watchdog] = (await said) as [Buffer]
  await vi.waitFor(() => expect(lives(Number(watchdog))).toBe(false), 10_000)
})
