import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { request } from 'undici'
import { expect, test } from 'vitest'
import type { ReplicaLost } from '../../../machines/index.ts'
import { failureOf, never, orderFor, pidOf, planWith, scratchFolder, setUp } from './harness.ts'

test('an exit during the load fails the start with its code and its last lines', async () => {
  const { start, driver } = await setUp({
    env: { FAKE_LINES: 'loading|no such config', FAKE_EXIT: '7' },
  })
  const failure = await failureOf(start())
  expect(failure.reason).toBe('exited')
  expect(failure.message).toBe('the process exited with code 7 before it was ready: no such config')
  expect(failure.log).toEqual(['loading', 'no such config'])
  expect(driver.log('gpu')).toEqual(failure.log)
})

test('the last hundred lines of a start are kept, and a new start has lines of its own', async () => {
  const lines = Array.from({ length: 130 }, (_, line) => `line ${line}`)
  const seen: string[] = []
  const { start, driver } = await setUp({
    env: { FAKE_LINES: lines.join('|'), FAKE_EXIT: '1' },
    onLogLine: (backend, line) => seen.push(`${backend}: ${line}`),
  })
  expect((await failureOf(start())).log).toEqual(lines.slice(30))
  expect(seen).toHaveLength(130)
  expect(seen[0]).toBe('gpu: line 0')
  await driver.stop('gpu', never)
  await driver.ensureResources(orderFor(), never)
  expect(driver.log('gpu')).toEqual([])
})

test("a GPU that is too full is named, though vLLM's own last line is another", async () => {
  const lines = ['torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB']
  for (let line = 0; line < 150; line++) lines.push(`  File "core.py", line ${line}`)
  const { start } = await setUp({ env: { FAKE_LINES: lines.join('|'), FAKE_EXIT: '1' } })
  const failure = await failureOf(start())
  expect(failure.reason).toBe('out_of_memory')
  expect(failure.message).toContain('Tried to allocate 2 GiB')
})

test('a command that is not there is told before anything starts', async () => {
  const { driver } = await setUp({ backends: { gpu: { command: ['no-such-vllm', 'serve'] } } })
  const failure = await failureOf(driver.ensureResources(orderFor(), never))
  expect(failure.reason).toBe('command_not_found')
  expect(failure.message).toContain('"no-such-vllm": it is not on the PATH')
})

test('a command that vanished since is told by the start', async () => {
  const { driver } = await setUp({ backends: { gpu: { command: ['/no/such/vllm'] } } })
  const failure = await failureOf(driver.start(orderFor(), never, () => {}))
  expect(failure.reason).toBe('command_not_found')
  expect(await driver.observe('gpu')).toEqual({ found: 'nothing' })
})

test('a command that may not be run is told', async () => {
  const file = join(await scratchFolder(), 'vllm')
  await writeFile(file, '#!/bin/sh\n', { mode: 0o600 })
  const { driver } = await setUp({ backends: { gpu: { command: [file] } } })
  const failure = await failureOf(driver.ensureResources(orderFor(), never))
  expect(failure).toMatchObject({ reason: 'command_not_found' })
  expect(failure.message).toContain('not executable')
})

test('a model that left the catalogue is not started', async () => {
  const { start } = await setUp({ modelOf: () => undefined })
  expect((await failureOf(start())).message).toContain('no longer in the catalogue')
})

test('a command line that the kernel refuses is told', async () => {
  const plan = { ...planWith({}), arguments: ['x'.repeat(4 * 1024 * 1024)] }
  const { start, driver } = await setUp({ modelOf: () => plan })
  const failure = await failureOf(start())
  expect(failure.reason).toBe('resources')
  expect(failure.message).toContain('E2BIG')
  expect(await driver.observe('gpu')).toEqual({ found: 'nothing' })
})

test('a state folder that cannot be written is told before anything runs', async () => {
  const { driver, stateDir } = await setUp()
  await driver.observe('gpu')
  await rm(stateDir, { recursive: true })
  await writeFile(stateDir, 'a file in its place')
  const prepared = await failureOf(driver.ensureResources(orderFor(), never))
  expect(prepared).toMatchObject({ reason: 'resources' })
  const started = await failureOf(driver.start(orderFor(), never, () => {}))
  expect(started.message).toContain('cannot write to the state folder')
})

test('a backend that is not configured is told', async () => {
  const { start } = await setUp({ backends: new Map() })
  expect((await failureOf(start())).message).toContain('no backend is called "gpu"')
})

test('a death while ready is told at once, with its code and its last line', async () => {
  const { start, driver } = await setUp()
  const { endpoints } = await start()
  const { promise: lost, resolve } = Promise.withResolvers<ReplicaLost>()
  driver.watch('gpu', resolve)
  await request(`${endpoints[0]?.url}/die`).catch(() => undefined)
  expect(await lost).toEqual({
    message: 'the process exited with code 3: EngineDeadError',
    replaced: false,
  })
})

test('a death is told in the log, though nobody watches any more, and an end that was asked for is no warning', async () => {
  const { start, driver, warnings } = await setUp()
  await start()
  await driver.stop('gpu', never)
  expect(warnings).toEqual([])

  const { endpoints } = await start()
  process.kill(pidOf(endpoints[0]?.incarnation), 'SIGKILL')
  await driver.stop('gpu', never)
  expect(warnings).toMatchObject([
    expect.stringMatching(/^ended by itself: the process was killed by SIGKILL/),
  ])
})

test('whoever watches a backend that has died already is told at once', async () => {
  const { start, driver } = await setUp()
  const { endpoints } = await start()
  const first = Promise.withResolvers<ReplicaLost>()
  driver.watch('gpu', first.resolve)
  process.kill(pidOf(endpoints[0]?.incarnation), 'SIGKILL')
  expect((await first.promise).message).toContain('was killed by SIGKILL')
  const second = Promise.withResolvers<ReplicaLost>()
  driver.watch('gpu', second.resolve)
  expect(await second.promise).toEqual(await first.promise)
})

test('whoever stopped watching hears nothing', async () => {
  const { start, driver } = await setUp()
  const { endpoints } = await start()
  const heard: ReplicaLost[] = []
  const watched = Promise.withResolvers<ReplicaLost>()
  driver.watch('gpu', (lost) => heard.push(lost))()
  driver.watch('gpu', watched.resolve)
  process.kill(pidOf(endpoints[0]?.incarnation), 'SIGKILL')
  await watched.promise
  expect(heard).toEqual([])
})

test("the engine's load is read from its metrics", async () => {
  const metrics =
    'vllm:num_requests_running{engine="0"} 2.0\nvllm:num_requests_waiting{engine="0"} 3.0\n'
  const { start, driver } = await setUp({ env: { FAKE_METRICS: metrics } })
  await start()
  expect(await driver.engineLoad('gpu', never)).toEqual({ running: 2, waiting: 3 })
})

test('an engine without metrics says nothing of its load, and one in trouble is an error', async () => {
  const silent = await setUp()
  await silent.start()
  expect(await silent.driver.engineLoad('gpu', never)).toBeUndefined()
  const broken = await setUp({ env: { FAKE_METRICS: 'x', FAKE_METRICS_STATUS: '500' } })
  await broken.start()
  await expect(broken.driver.engineLoad('gpu', never)).rejects.toThrow('500')
  await broken.driver.stop('gpu', never)
  await expect(broken.driver.engineLoad('gpu', never)).rejects.toThrow('no process runs')
})
