import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { createServer as createHttpServer } from 'node:http'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../../../src/drivers/process/free-port.ts'
import { processEntry } from '../../../src/drivers/process/process-table.ts'
import { failureOf, lives, pidOf, scratchFolder, serverCommand, setUp, until } from './harness.ts'

test('a backend is ready when /health is 200 and /v1/models names the model', async () => {
  const folder = await scratchFolder()
  const [health, models, asked] = ['health', 'models', 'asked'].map((name) => join(folder, name))
  const env = { FAKE_HEALTH_GATE: health!, FAKE_MODELS_GATE: models!, FAKE_ASKED: asked! }
  const { start, driver, phases } = await setUp({ env })
  let settled = false
  const starting = start().finally(() => (settled = true))
  const askedFor = async (path: string) =>
    existsSync(asked!) && (await readFile(asked!, 'utf8')).includes(`${path}\n`)

  await until(() => askedFor('/health'))
  expect(await askedFor('/v1/models')).toBe(false)
  await writeFile(health!, '')
  await until(() => askedFor('/v1/models'))
  expect(settled).toBe(false)
  expect(await driver.observe('gpu')).toMatchObject({ found: 'starting', model: 'm' })

  await writeFile(models!, '')
  const { endpoints, revision } = await starting
  expect(revision).toBe('r1')
  expect(endpoints).toMatchObject([{ maxInFlight: 4 }])
  expect(endpoints[0]?.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  expect(await lives(pidOf(endpoints[0]?.incarnation))).toBe(true)
  expect(phases).toEqual(['process', 'loading'])
  expect(await driver.observe('gpu')).toEqual({
    found: 'ready',
    model: 'm',
    revision: 'r1',
    endpoints,
  })
})

test('a backend is the first process of a group of its own', async () => {
  const { start } = await setUp()
  const { endpoints } = await start()
  const pid = pidOf(endpoints[0]?.incarnation)
  expect(processEntry(pid)).toMatchObject({ pid, group: pid })
})

test('two starts have two incarnations', async () => {
  const { start, driver } = await setUp()
  const first = await start()
  await driver.stop('gpu', new AbortController().signal)
  const second = await start()
  expect(second.endpoints[0]?.incarnation).not.toBe(first.endpoints[0]?.incarnation)
})

test('a backend that serves another model fails the start and says what it serves', async () => {
  const { start } = await setUp({ env: { FAKE_SERVES: 'other,more' } })
  const failure = await failureOf(start())
  expect(failure.reason).toBe('wrong_model')
  expect(failure.message).toContain('serves "other", "more", not "m"')
})

test('a backend that does not take our key fails the start at once', async () => {
  const { start } = await setUp({ env: { FAKE_LOCKED: '1' } })
  expect((await failureOf(start())).message).toContain('configure its key')
})

test('a backend that loses the race for its port gets another one', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  onTestFinished(() => void taken.close())
  const { port } = taken.address() as AddressInfo
  const ports = [port, await freePort()]
  const { start, warnings } = await setUp({ choosePort: async () => ports.shift() ?? 0 })
  const { endpoints } = await start()
  expect(endpoints[0]?.url).not.toContain(String(port))
  expect(warnings).toMatchObject([expect.stringContaining('trying another port')])
})

test('a port that is taken twice fails the start', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  onTestFinished(() => void taken.close())
  const { port } = taken.address() as AddressInfo
  const { start } = await setUp({ choosePort: async () => port })
  expect((await failureOf(start())).message).toContain('EADDRINUSE')
})

test('an answer of somebody else on the port does not count as the backend', async () => {
  // It names the very model, and the backend itself lives but does not listen there.
  const stranger = createHttpServer((_, response) => response.end('{"data":[{"id":"m"}]}'))
  stranger.listen(0, '127.0.0.1')
  await once(stranger, 'listening')
  onTestFinished(() => stranger.closeAllConnections())
  onTestFinished(() => void stranger.close())
  const { port } = stranger.address() as AddressInfo
  const sleeper = { command: [process.execPath, '-e', 'setInterval(() => {}, 60000)', '--'] }
  const { start } = await setUp({ backends: { gpu: sleeper }, choosePort: async () => port })
  const failure = await failureOf(start())
  expect(failure.reason).toBe('resources')
  expect(failure.message).toContain(`answered by process ${process.pid}`)
})

test('an abort ends the wait and leaves the process to stop', async () => {
  const folder = await scratchFolder()
  const asked = join(folder, 'asked')
  const env = {
    FAKE_HEALTH_GATE: join(folder, 'never'),
    FAKE_ASKED: asked,
    FAKE_RECORD: join(folder, 'r'),
  }
  const { start, driver } = await setUp({ env })
  const abort = new AbortController()
  const starting = start(abort.signal)
  await until(() => existsSync(asked))
  abort.abort(new Error('nobody waits'))
  await expect(starting).rejects.toThrow('nobody waits')
  const { pid } = JSON.parse(await readFile(join(folder, 'r'), 'utf8')) as { pid: number }
  expect(await lives(pid)).toBe(true)
  await driver.stop('gpu', new AbortController().signal)
  expect(await lives(pid)).toBe(false)
})

test('nothing is launched after an abort', async () => {
  const abort = new AbortController()
  const { start, driver } = await setUp({
    choosePort: async () => {
      abort.abort()
      return await freePort()
    },
  })
  await expect(start(abort.signal)).rejects.toThrow()
  expect(await driver.observe('gpu')).toEqual({ found: 'nothing' })
})

test('keys reach the backend by its environment, and only the one that is meant for it', async () => {
  const record = join(await scratchFolder(), 'record')
  const { start, stateDir } = await setUp({
    env: { FAKE_RECORD: record, FROM_MODEL: 'yes' },
    backends: { gpu: { command: serverCommand, gpus: '2,3', env: { FROM_BACKEND: 'yes' } } },
    backendApiKey: 'backend-key',
    environment: {
      PATH: process.env['PATH'],
      HF_TOKEN: 'kept',
      VLLM_CHILL_API_KEYS: 'client-key',
      VLLM_CHILL_OPERATIONS_TOKEN: 'operations-key',
      VLLM_PORT: '80',
    },
  })
  await start()
  const { argv, env } = JSON.parse(await readFile(record, 'utf8')) as {
    argv: string[]
    env: Record<string, string>
  }
  expect(argv).toEqual(['--model', 'org/m', '--host', '127.0.0.1', '--port', expect.any(String)])
  expect(env).toMatchObject({
    VLLM_API_KEY: 'backend-key',
    CUDA_VISIBLE_DEVICES: '2,3',
    FROM_MODEL: 'yes',
    FROM_BACKEND: 'yes',
    HF_TOKEN: 'kept',
  })
  expect(Object.values(env)).not.toContain('client-key')
  expect(Object.values(env)).not.toContain('operations-key')
  expect(env).not.toHaveProperty('VLLM_PORT')
  expect(await readFile(join(stateDir, 'gpu.json'), 'utf8')).not.toContain('backend-key')
})
