import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { lives, never, pidOf, pidsIn, scratchFolder, setUp, until } from './harness.ts'

test('stopping ends the process and forgets its record', async () => {
  const { start, driver, stateDir } = await setUp()
  const { endpoints } = await start()
  expect(existsSync(join(stateDir, 'gpu.json'))).toBe(true)
  await driver.stop('gpu', never)
  expect(await lives(pidOf(endpoints[0]?.incarnation))).toBe(false)
  expect(existsSync(join(stateDir, 'gpu.json'))).toBe(false)
  expect(await driver.observe('gpu')).toEqual({ found: 'nothing' })
})

test('stopping is safe to repeat, at the same time and when nothing runs', async () => {
  const { start, driver } = await setUp()
  await driver.stop('gpu', never)
  await start()
  await Promise.all([driver.stop('gpu', never), driver.stop('gpu', never)])
  await driver.stop('gpu', never)
  await start()
})

test('who ignores SIGTERM is killed after the grace', async () => {
  const { start, driver, warnings } = await setUp({
    env: { FAKE_IGNORE_TERM: '1' },
    terminationGraceMs: 150,
  })
  const { endpoints } = await start()
  const begun = performance.now()
  await driver.stop('gpu', never)
  expect(performance.now() - begun).toBeGreaterThanOrEqual(150)
  expect(driver.log('gpu')).toContain('SIGTERM ignored')
  expect(warnings).toMatchObject([expect.stringContaining('SIGKILL')])
  expect(await lives(pidOf(endpoints[0]?.incarnation))).toBe(false)
})

test('a stop that is no longer waited for goes on', async () => {
  const { start, driver } = await setUp({ env: { FAKE_IGNORE_TERM: '1' }, terminationGraceMs: 400 })
  const { endpoints } = await start()
  await expect(driver.stop('gpu', AbortSignal.timeout(50))).rejects.toThrow()
  expect(await driver.observe('gpu')).toEqual({ found: 'leaving' })
  await until(async () => !(await lives(pidOf(endpoints[0]?.incarnation))))
})

describe.each(['group', 'setsid'])('a worker that outlives its leader (%s)', (where) => {
  test('is waited for, and killed after the grace', async () => {
    const workers = join(await scratchFolder(), 'workers')
    const env = { FAKE_WORKER: where, FAKE_WORKER_PIDS: workers }
    const { start, driver } = await setUp({ env, terminationGraceMs: 300 })
    const { endpoints } = await start()
    const [worker] = await pidsIn(workers)
    let gone = false
    const stopping = driver.stop('gpu', never).then(() => (gone = true))
    await until(async () => !(await lives(pidOf(endpoints[0]?.incarnation))))
    expect(gone).toBe(false)
    expect(await lives(worker!)).toBe(true)
    await stopping
    expect(await lives(worker!)).toBe(false)
  })

  test('is ended when the leader had died before', async () => {
    const workers = join(await scratchFolder(), 'workers')
    const env = { FAKE_WORKER: where, FAKE_WORKER_PIDS: workers }
    const { start, driver, stateDir } = await setUp({ env, terminationGraceMs: 50 })
    const { endpoints } = await start()
    const [worker] = await pidsIn(workers)
    const lost = Promise.withResolvers()
    driver.watch('gpu', lost.resolve)
    process.kill(pidOf(endpoints[0]?.incarnation), 'SIGKILL')
    await lost.promise
    expect(await lives(worker!)).toBe(true)
    // Its GPU memory is not free, so nothing else may start in its place.
    await expect(start()).rejects.toThrow('still there')
    await driver.stop('gpu', never)
    expect(await lives(worker!)).toBe(false)
    expect(existsSync(join(stateDir, 'gpu.json'))).toBe(false)
  })
})

test('closing the driver ends what still runs, and its watchdog', async () => {
  const { start, driver, stateDir } = await setUp()
  const { endpoints } = await start()
  const record = await readFile(join(stateDir, 'gpu.json'), 'utf8')
  const { watchdog } = JSON.parse(record) as { watchdog: number }
  expect(await lives(watchdog)).toBe(true)
  await driver.close()
  expect(await lives(pidOf(endpoints[0]?.incarnation))).toBe(false)
  await until(async () => !(await lives(watchdog)))
})
