import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, it, onTestFinished, vi } from 'vitest'
import { listenOn } from '../../../src/cli/serve/listening.ts'

it('closing ends at last also what has become a WebSocket and is not ended by anybody', async () => {
  const listening = await listenOn(() => {}, { host: '127.0.0.1', port: 0, setting: 'port' })
  const upgraded = once(listening.server, 'upgrade')
  const client = connect(Number(new URL(listening.url).port), '127.0.0.1')
  client.on('error', () => {})
  onTestFinished(() => void client.destroy())
  client.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
  await upgraded
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const closed = listening.close()
  vi.advanceTimersByTime(60_000)
  await expect(closed).resolves.toBeUndefined()
})
