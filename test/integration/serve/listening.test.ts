import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { refusalOf } from './conversation.ts'
import { startProgram } from './program.ts'

/** A port that somebody else has. */
async function takenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

test('port 0 takes a free port of the system, never a customary one', async () => {
  const ports = await Promise.all(
    [1, 2].map(async () => Number(new URL((await startProgram()).url).port)),
  )
  expect(new Set([...ports, 3000]).size).toBe(3)
})

test('a port that is taken ends the program with advice, and never becomes another one', async () => {
  const port = await takenPort()
  await expect(startProgram({ port })).rejects.toThrow(
    /"code":2[^]*127\.0\.0\.1:\d+ is taken by another program; choose another with `--port`/,
  )
})

test('a port that the listener would pass over is refused, and never becomes another one', async () => {
  await expect(startProgram({ port: 6000 })).rejects.toThrow(
    /"code":2[^]*browsers open no connection to 6000; choose another with `--port`/,
  )
})

test('an address that is not of this machine is refused with advice', async () => {
  await expect(startProgram({ host: '192.0.2.1', port: 8080 })).rejects.toThrow(
    /"code":2[^]*192\.0\.2\.1 is no address of this machine; choose another with `--host`/,
  )
})

test("a port of the operators' side that is taken is called by its own name", async () => {
  const flags = ['--operations-port', String(await takenPort())]
  await expect(startProgram({ flags })).rejects.toThrow(
    /"code":2[^]*operationsPort: 127\.0\.0\.1:\d+ is taken[^]*`--operations-port`/,
  )
})

test("the operators' side can have a port of its own", async () => {
  const program = await startProgram({ flags: ['--operations-port', '0'] })
  const { operationsUrl } = await program.waitForLog(({ msg }) => msg.includes('listening on'))
  expect(operationsUrl).not.toBe(program.url)
  expect((await fetch(`${program.url}/proxy/status`)).status).toBe(404)
  expect((await fetch(`${String(operationsUrl)}/proxy/status`)).status).toBe(200)
  const elsewhere = await fetch(`${String(operationsUrl)}/v1/models`)
  expect(await refusalOf(elsewhere)).toMatchObject({ status: 404, code: 'not_found' })
  expect(elsewhere.headers.get('x-request-id')).toMatch(/./)
})

test('told to stop the moment it says that it listens, the program ends in good order', async () => {
  const exits = [1, 2, 3, 4].map(async () => {
    const program = await startProgram()
    program.signal('SIGTERM')
    return await program.exited
  })
  for (const exit of await Promise.all(exits)) expect(exit).toEqual({ code: 0, signal: null })
})
