import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { fakeTerminal } from './terminals.ts'

/** Alive, and not ready. */
async function shuttingDown() {
  const server = createServer((req, res) => {
    res.statusCode = req.url === '/health' ? 200 : 503
    res.end(JSON.stringify({ status: req.url === '/health' ? 'ok' : 'not ready' }))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

async function health(env: Record<string, string>, ...words: string[]) {
  const terminal = fakeTerminal(env)
  const code = await main(['node', 'vllm-chill', 'health', ...words], terminal)
  return { code, printed: terminal.printed.join('\n'), said: terminal.said.join('') }
}

describe('health', () => {
  it('asks where the environment says that the program listens', async () => {
    const port = String(await shuttingDown())
    expect(await health({ PORT: port })).toEqual({ code: 0, printed: 'ok', said: '' })
    expect(await health({ PORT: port }, '--ready')).toEqual({
      code: 1,
      printed: '',
      said: `vllm-chill: http://127.0.0.1:${port}/readyz: not ready\n`,
    })
  })

  it('asks at a URL, and says why there is no answer', async () => {
    const url = `http://127.0.0.1:${await shuttingDown()}`
    expect(await health({ PORT: '1' }, '--url', `${url}/`)).toMatchObject({ code: 0 })
    expect(await health({ VLLM_CHILL_URL: url })).toMatchObject({ code: 0 })
    expect(await health({}, '--url', 'http://127.0.0.1:1')).toEqual({
      code: 1,
      printed: '',
      said: expect.stringMatching(/http:\/\/127\.0\.0\.1:1\/health does not answer: .+\n$/),
    })
  })
})
