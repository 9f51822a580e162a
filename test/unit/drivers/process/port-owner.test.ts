import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../../../../src/drivers/process/free-port.ts'
import { parseListeners, portOwner } from '../../../../src/drivers/process/port-owner.ts'

const table = [
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
  '   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 11 1 0 100 0 0 10 0',
  '   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 22 1 0 100 0 0 10 0',
  '   2: 0500000A:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 33 1 0 100 0 0 10 0',
  '   3: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 44 1 0 100 0 0 10 0',
  '   4: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 55 1 0 100 0 0 10 0',
].join('\n')

test('listeners are those that a connection to 127.0.0.1 reaches, and no connections', () => {
  expect(parseListeners(table, 8080)).toEqual(['11', '22'])
  expect(parseListeners(table, 8081)).toEqual(['55'])
  expect(parseListeners(table, 80)).toEqual([])
})

test('a listener is known to be ours or to be a stranger', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  expect(await portOwner(port, [process.pid])).toBe('ours')
  expect(await portOwner(port, [])).toMatchObject({ pid: process.pid })
})

test('where nobody listens there is nothing to tell', async () => {
  expect(await portOwner(await freePort(), [process.pid])).toBe('untold')
})
