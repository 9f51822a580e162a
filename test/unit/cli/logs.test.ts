import { describe, expect, it } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { backendStatus } from '../operations/fakes.ts'
import { fakeInstance } from './fake-instance.ts'
import { FakeScreen, fakeTerminal } from './terminals.ts'

const status = (...names: string[]) => ({
  backends: names.map((name) => backendStatus({ name })),
  problems: [],
})

describe('logs', () => {
  it('prints the last lines of a backend as they are', async () => {
    const { run, calls } = await fakeInstance({
      'backends/logs': '\u001B[36mINFO\u001B[0m one\r\ntwo\n\nthree',
    })
    const { code, printed } = await run(['logs', 'gpu0', '--lines', '7'])
    expect(code).toBe(0)
    expect(printed).toBe('\u001B[36mINFO\u001B[0m one\ntwo\n\nthree')
    expect(calls).toMatchObject([{ query: { backend: 'gpu0', lines: '7' } }])
  })

  it('lets no line steer a terminal', async () => {
    const { run } = await fakeInstance({ 'backends/logs': '\u001B[2Jgone\u0007\n' })
    const { printed } = await run(['logs', 'gpu0'], { screen: new FakeScreen(80) })
    expect(printed).toBe('gone ')
  })

  it('--json prints an object for each line', async () => {
    const { run } = await fakeInstance({ 'backends/logs': 'one\ntwo\n' })
    const { printed } = await run(['logs', 'gpu0', '--json'])
    expect(printed.split('\n').map((line) => JSON.parse(line))).toEqual([
      { backend: 'gpu0', line: 'one' },
      { backend: 'gpu0', line: 'two' },
    ])
  })

  it('needs no name where there is one backend only', async () => {
    const one = await fakeInstance({ status: status('only'), 'backends/logs': 'line\n' })
    expect((await one.run(['logs'])).printed).toBe('line')
    expect(one.calls.at(-1)?.query['backend']).toBe('only')
    const two = await fakeInstance({ status: status('gpu0', 'gpu1') })
    const { code, said } = await two.run(['logs'])
    expect([code, said]).toEqual([2, expect.stringContaining('name a backend: gpu0, gpu1')])
  })

  it('says the reason of the instance', async () => {
    const { run } = await fakeInstance({})
    expect(await run(['logs', 'gpu9'])).toMatchObject({
      code: 1,
      said: 'vllm-chill: Nothing is at backends/logs.\n',
    })
  })

  it('--follow prints lines as they come, until it is told to end', async () => {
    const { url, calls } = await fakeInstance({
      'backends/logs': (response) => {
        response.write('one\ntw')
        setImmediate(() => response.write('o\n'))
      },
    })
    const { promise: second, resolve } = Promise.withResolvers<void>()
    const printed: string[] = []
    const print = (text: string) => {
      printed.push(text)
      if (printed.length === 2) resolve()
    }
    const terminal = fakeTerminal({ VLLM_CHILL_URL: url }, false, { print })
    const over = main(['node', 'vllm-chill', 'logs', 'gpu0', '--follow'], terminal)
    await second
    expect(printed).toEqual(['one', 'two'])
    expect(calls[0]?.query).toMatchObject({ follow: 'true' })
    terminal.interrupt()
    expect(await over).toBe(130)
  })

  it('--follow fails when the connection breaks', async () => {
    const { run } = await fakeInstance({
      'backends/logs': (response) => {
        response.write('one\n', () => response.destroy())
      },
    })
    const { code, printed, said } = await run(['logs', 'gpu0', '--follow'])
    expect([code, printed]).toEqual([1, 'one'])
    expect(said).toMatch(/The connection to .* broke/)
  })
})
