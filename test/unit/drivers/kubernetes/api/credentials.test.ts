import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { connect, createApi } from '../../../../../src/drivers/kubernetes/api/index.ts'
import { log, reply } from './fake-server.ts'

/** An API server that takes one token only, and a client with a kubeconfig for it. */
async function guarded() {
  const guard = { takes: 'Bearer one' }
  const asked: IncomingMessage[] = []
  const server = createServer((request, answer) => {
    asked.push(request)
    const { authorization } = request.headers
    if (authorization === guard.takes) reply(answer, 200, { metadata: { name: 'x' } })
    else reply(answer, 401, { message: 'Unauthorized' })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const folder = mkdtempSync(join(tmpdir(), 'vllm-chill-credentials-'))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true })
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const file = join(folder, 'config')
  const write = (user: object, more: object = {}) =>
    writeFileSync(
      file,
      JSON.stringify({
        clusters: [{ name: 'one', cluster: { server: url } }],
        users: [{ name: 'me', user }],
        contexts: [{ name: 'first', context: { cluster: 'one', user: 'me' } }],
        'current-context': 'first',
        ...more,
      }),
    )
  return {
    guard,
    asked,
    folder,
    write,
    open: () => {
      const connection = connect({ kubeconfig: file, env: {} })
      const options = { namespace: 'ai', log: log(), timeoutMs: 2_000, budgetMs: 0 }
      return { connection, api: createApi(connection, options) }
    },
  }
}

/** A plugin as a kubeconfig names them: it tells what a file has, for ever unless asked again. */
function plugin(folder: string, token: string): object {
  writeFileSync(join(folder, 'token'), token)
  const command = join(folder, 'plugin')
  const status = `{"status":{"token":"'"$(cat ${folder}/token)"'"}}`
  writeFileSync(command, `#!/bin/sh\necho x >> ${folder}/calls\necho '${status}'\n`)
  chmodSync(command, 0o755)
  return { exec: { apiVersion: 'client.authentication.k8s.io/v1', command } }
}

describe('credentials that are refused', () => {
  it('are read from the kubeconfig again, and the call is made once more', async () => {
    const { guard, asked, write, open } = await guarded()
    write({ token: 'one' })
    const { api } = open()
    await api.get('Pod', 'x')
    guard.takes = 'Bearer two'
    write({ token: 'two' })
    await expect(api.get('Pod', 'x')).resolves.toBeDefined()
    expect(asked).toHaveLength(3)
    await api.get('Pod', 'x')
    expect(asked).toHaveLength(4)
  })

  it('are had from the plugin again', async () => {
    const { guard, folder, write, open } = await guarded()
    write(plugin(folder, 'one'))
    const { api } = open()
    await api.get('Pod', 'x')
    guard.takes = 'Bearer two'
    writeFileSync(join(folder, 'token'), 'two')
    await expect(api.get('Pod', 'x')).resolves.toBeDefined()
  })

  it('need no refusal where they are in a file of their own', async () => {
    const { guard, asked, folder, write, open } = await guarded()
    writeFileSync(join(folder, 'token'), 'one\n')
    write({ tokenFile: 'token' })
    const { api } = open()
    await api.get('Pod', 'x')
    guard.takes = 'Bearer two'
    writeFileSync(join(folder, 'token'), 'two\n')
    await api.get('Pod', 'x')
    expect(asked).toHaveLength(2)
  })

  it('are refused in words when there are no others', async () => {
    const { guard, asked, write, open } = await guarded()
    write({ token: 'one' })
    const { api } = open()
    guard.takes = 'nobody'
    await expect(api.get('Pod', 'x')).rejects.toMatchObject({
      code: 401,
      message: expect.stringContaining('does not know who asks'),
    })
    expect(asked).toHaveLength(2)
  })

  it('are read once for all the calls that they were refused to', async () => {
    const { guard, write, open } = await guarded()
    write({ token: 'one' })
    const { api, connection } = open()
    const before = connection.config
    guard.takes = 'Bearer two'
    write({ token: 'two' })
    await Promise.all([api.get('Pod', 'x'), api.get('Pod', 'x'), api.get('Pod', 'x')])
    const renewed = connection.config
    connection.renew(before)
    expect(connection.config).toBe(renewed)
  })

  it('stay what they are while the kubeconfig is broken, gone, or for somewhere else', async () => {
    const { write, open, folder } = await guarded()
    write({ token: 'one' })
    const { connection } = open()
    const { config } = connection
    writeFileSync(join(folder, 'config'), 'half a')
    connection.renew(config)
    rmSync(join(folder, 'config'))
    connection.renew(config)
    const clusters = [{ name: 'one', cluster: { server: 'https://elsewhere' } }]
    write({ token: 'two' }, { clusters })
    connection.renew(config)
    expect(connection.config).toBe(config)
  })

  it('stay those of the context that was chosen at the start', async () => {
    const { guard, write, open } = await guarded()
    write({ token: 'one' })
    const { api } = open()
    guard.takes = 'Bearer two'
    const other = { name: 'other', context: { cluster: 'one', user: 'somebody else' } }
    const first = { name: 'first', context: { cluster: 'one', user: 'me' } }
    const users = [
      { name: 'me', user: { token: 'two' } },
      { name: 'somebody else', user: { token: 'three' } },
    ]
    write({}, { users, contexts: [other, first], 'current-context': 'other' })
    await expect(api.get('Pod', 'x')).resolves.toBeDefined()
  })
})

describe('credentials that cannot be had', () => {
  it('are said to be what is wrong, not the API server', async () => {
    const { asked, write, open, folder } = await guarded()
    write({ exec: { command: join(folder, 'gone') } })
    await expect(open().api.get('Pod', 'x')).rejects.toMatchObject({
      code: 0,
      message: expect.stringMatching(/the credentials cannot be had: .*ENOENT/),
    })
    expect(asked).toHaveLength(0)
  })

  it('hold up no call for longer than its time', async () => {
    const { write, open, folder } = await guarded()
    const command = join(folder, 'hangs')
    writeFileSync(command, '#!/bin/sh\nexec sleep 3\n')
    chmodSync(command, 0o755)
    write({ exec: { command } })
    const signal = AbortSignal.timeout(50)
    await expect(open().api.get('Pod', 'x', { signal })).rejects.toThrow('timeout')
  })
})
