import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, mkdtemp, mkdir, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ask, contentOf } from './conversation.ts'
import { LogLines, says, until } from './log-lines.ts'
import { modelsFolder } from './models.ts'
import { entry, plainEnvironment } from './program.ts'

/** A program whose log goes to that file descriptor; with 'pipe' nobody reads it until the test does. */
async function startLoggingTo(stdout: number | 'pipe') {
  const folder = await mkdtemp(join(tmpdir(), 'serve-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  const models = modelsFolder(join(folder, 'models'))
  await mkdir(models.path)
  await models.write('a')
  const port = await freePort()
  const flags = {
    host: '127.0.0.1',
    port,
    models: models.path,
    'state-dir': join(folder, 'state'),
    command: 'vllm-chill simulate',
    'log-format': 'json',
  }
  const words = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = spawn(process.execPath, [entry, 'serve', ...words], {
    env: { ...plainEnvironment, HOME: folder },
    stdio: ['ignore', stdout, 'pipe'],
  })
  let complaints = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (complaints += text))
  const exited = once(child, 'exit')
  onTestFinished(async () => {
    child.kill('SIGTERM')
    await exited
  })
  const url = `http://127.0.0.1:${port}`
  await until(
    () => isUp(url),
    () => `${url} answers ${complaints}`,
  )
  const stop = async () => {
    child.kill('SIGTERM')
    const [code] = (await exited) as [number | null]
    return { code, complaints }
  }
  return { url, stop, output: child.stdout }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function isUp(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health`)).ok
  } catch {
    return false
  }
}

test('a log that goes to a full disk costs lines, and neither the start nor a request', async () => {
  const full = await open('/dev/full', 'w')
  onTestFinished(() => full.close())
  const { url, stop } = await startLoggingTo(full.fd)
  expect(await contentOf(await ask({ url }, 'a'))).toBe('[a] you said: hi')
  expect(await stop()).toEqual({ code: 0, complaints: '' })
})

test('a reader of the log that stalls holds up no request, and hears how much it has missed', async () => {
  const { url, stop, output } = await startLoggingTo('pipe')
  const id = 'x'.repeat(100)
  for (let i = 0; i < 200; i++) {
    const answers = Array.from({ length: 25 }, () =>
      fetch(`${url}/v1/models`, { headers: { 'x-request-id': id } }),
    )
    for (const answer of await Promise.all(answers)) await answer.text()
  }
  expect(await contentOf(await ask({ url }, 'a'))).toBe('[a] you said: hi')

  const log = new LogLines()
  output?.setEncoding('utf8').on('data', (text: string) => log.read(text))
  const { lines, why } = await log.waitFor(says('could not be written'))
  expect(Number(lines)).toBeGreaterThan(0)
  expect(why).toBe('nobody reads them')
  expect(await stop()).toEqual({ code: 0, complaints: '' })
})
