import { execFileSync } from 'node:child_process'
import { createServer, type AddressInfo } from 'node:net'
import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import type { ModelsAnswer, RequestsAnswer } from '../../../src/operations/index.ts'
import { run, start, startOnTerminal } from './command.ts'
import { ask, refusalOf, stream } from './conversation.ts'
import { simulating } from './models.ts'
import { startProgram } from './program.ts'

/** For a program that starts again where it was. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

test('status --watch sees a switch through, a table for each change, without escape codes', async () => {
  // Each state lasts for longer than the pause between two tables.
  const program = await startProgram({ simulate: '--load-time 600ms --slow-stop 600ms' })
  const watch = start('status', '--watch', '--url', program.url)
  await watch.prints(/vllm +cold/)
  await ask(program, 'a')
  await watch.prints(/vllm +scalingUp.* a /)
  await watch.prints(/vllm +ready\.quiet +a /)
  const before = watch.out.length
  expect(await run('switch', 'b', '--url', program.url)).toMatchObject({ code: 0 })
  await watch.prints(/vllm +switchingModel\.\w+.* a → b /, before)
  await watch.prints(/vllm +ready\.quiet +b /, before)
  watch.interrupt()
  expect(await watch.exited).toBe(130)
  expect(watch.out).not.toContain('\u001B')
  for (const table of watch.out.split('\n\nvllm-chill '))
    expect(table.match(/BACKEND/g)).toHaveLength(1)
})

test('status --watch on a real terminal of 40 columns never fills more, also when it shrinks', async () => {
  const program = await startProgram({ models: { 'a-model-with-a-long-name': {} } })
  const watch = startOnTerminal(40, 12, 'status', '--watch', '--url', program.url)
  await watch.prints(/BACKEND/)
  await ask(program, 'a-model-with-a-long-name')
  await watch.prints(/ready/)
  const shrunk = watch.out.length
  const terminal = watch.out.split('\r\n')[0]!
  execFileSync('stty', ['-F', terminal, 'cols', '25', 'rows', '5'])
  await watch.prints(/BACKEND/, shrunk)
  watch.type('\u0003')
  expect(await watch.exited).toBe(130)

  const enter = '\u001B[?1049h'
  const leave = '\u001B[?1049l'
  expect(watch.out).toContain(enter)
  expect(watch.out.trimEnd().endsWith(leave)).toBe(true)
  const framesIn = (text: string) =>
    text
      .split('\u001B[H')
      .slice(1)
      .map((frame) => stripVTControlCharacters(frame.split('\u001B[J')[0]!).split(/\r+\n/))
  const frames = framesIn(watch.out)
  expect(frames.length).toBeGreaterThan(3)
  for (const line of frames.flat()) expect(line.length).toBeLessThanOrEqual(40)
  expect(Math.max(...frames.map((lines) => lines.length))).toBeLessThanOrEqual(12)
  for (const frame of framesIn(watch.out.slice(shrunk))) {
    expect(frame.length).toBeLessThanOrEqual(5)
    for (const line of frame) expect(line.length).toBeLessThanOrEqual(25)
  }
})

test('events --follow goes on when the program starts again', async () => {
  const port = await freePort()
  const first = await startProgram({ port })
  const events = start('events', '--follow', '--json', '--url', first.url)
  await events.prints(/"type":"snapshot"/)
  await ask(first, 'a')
  await events.prints(/"type":"finished"/)
  first.signal('SIGTERM')
  await first.exited
  await events.prints(/"type":"goodbye"/)
  await events.says(/has shut down\. Trying again\./)
  const before = events.out.length
  const second = await startProgram({ port, folder: first.folder })
  await events.prints(/"type":"hello"/, before)
  await ask(second, 'b')
  await events.prints(/"type":"finished".*"model":"b"/, before)
  events.interrupt()
  expect(await events.exited).toBe(130)
  const told = events.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; eventId: string })
  const ids = told.filter(({ type }) => type !== 'snapshot' && type !== 'hello')
  expect(new Set(ids.map(({ eventId, type }) => `${eventId} ${type}`)).size).toBe(ids.length)
  expect(told.filter(({ type }) => type === 'hello')).toHaveLength(2)
})

test('events tells people what has happened, line by line', async () => {
  const program = await startProgram()
  await ask(program, 'a', {}, { headers: { 'x-request-id': 'mine' } })
  const { code, out } = await run('events', '--url', program.url)
  expect(code).toBe(0)
  expect(out).toMatch(/vllm +cold → creatingResources \[a\] after .*: somebody waits for it/)
  expect(out).toMatch(/vllm +a is ready after /)
  expect(out).toMatch(/vllm +mine has its turn after .*\(\/v1\/chat\/completions, a\)/)
})

test('logs prints what a backend has written, and follows it through a start', async () => {
  const program = await startProgram()
  const logs = start('logs', 'vllm', '--follow', '--url', program.url)
  const other = run('logs', 'nobody', '--url', program.url)
  await ask(program, 'a')
  await logs.prints(/Starting to load model/)
  logs.interrupt()
  expect(await logs.exited).toBe(130)
  const { code, out } = await run('logs', '--lines', '1', '--json', '--url', program.url)
  expect(code).toBe(0)
  expect(
    out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([{ backend: 'vllm', line: expect.any(String) as string }])
  expect(await other).toMatchObject({ code: 1, said: expect.stringContaining('nobody') as string })
})

test('requests lists what runs and waits, and cancel ends both', async () => {
  const program = await startProgram({ models: { a: simulating({ itl: '10ms' }), b: {} } })
  const long = stream(program, 'a', 30_000)
  const broken = expect(long.done).rejects.toThrow()
  await long.begun
  const waiting = ask(program, 'b', {}, { headers: { 'x-request-id': 'waits' } })
  await program.untilBackend((backend) => backend.waiting.length === 1)
  const { out } = await run('requests', '--json', '--url', program.url)
  const { inFlight, waiting: listed } = JSON.parse(out) as RequestsAnswer
  expect([inFlight.length, listed.map(({ id }) => id)]).toEqual([1, ['waits']])
  const { out: ids } = await run('complete', 'bash', '--', 'cancel', '--url', program.url, '')
  expect(ids.trim().split('\n')).toEqual([inFlight[0]!.id, 'waits'])

  expect(await run('cancel', 'waits', '--url', program.url)).toMatchObject({
    code: 0,
    out: 'cancelled: waits\n',
  })
  expect(await refusalOf(await waiting)).toMatchObject({ code: 'cancelled' })
  expect(await run('cancel', inFlight[0]!.id, '--url', program.url)).toMatchObject({ code: 0 })
  await broken
  expect(await run('cancel', 'waits', '--url', program.url)).toMatchObject({ code: 1 })
})

test('top counts what happens', async () => {
  const program = await startProgram()
  await ask(program, 'a')
  const { code, out } = await run(
    'top',
    '--json',
    '--count',
    '2',
    '--interval',
    '200ms',
    '--url',
    program.url,
  )
  expect(code).toBe(0)
  const [first, second] = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(first).toMatchObject({
    backends: 1,
    backendsReady: 1,
    inFlight: 0,
    requests: { total: 1 },
  })
  expect(second.gpuHeld.perSecond).toBeCloseTo(1, 0)
  expect(second.sentBytes.total).toBeGreaterThan(0)
  const { out: table } = await run('top', '--count', '1', '--url', program.url)
  expect(table).toMatch(/^requests +- +1$/m)
})

test('pin and unpin say which model makes room for no other', async () => {
  const program = await startProgram()
  const pinned = async () => {
    const { out } = await run('models', '--json', '--url', program.url)
    const { models } = JSON.parse(out) as ModelsAnswer
    return models.filter((model) => model.pinned).map(({ name }) => name)
  }
  expect(await run('pin', 'a', '--url', program.url)).toMatchObject({ code: 0 })
  expect(await pinned()).toEqual(['a'])
  expect((await run('models', '--url', program.url)).out).toMatch(/^a \(pinned\) /m)
  expect(await run('unpin', 'a', '--url', program.url)).toMatchObject({ code: 0 })
  expect(await pinned()).toEqual([])
})
