import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'

/**
 * A port of 127.0.0.1 that is free at this moment. Somebody may still take it before the backend
 * does: that shows in the backend's exit, or in who listens, and is answered with another port.
 */
export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
