import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { shells } from '../../../src/cli/completion/index.ts'
import { main } from '../../../src/cli/main.ts'
import { startBash } from './bash.ts'
import { fakeInstance } from './fake-instance.ts'
import { fakeTerminal } from './terminals.ts'
import { unusedUrl } from './unused-url.ts'

const model = (name: string, aliases: string[] = []) => ({ name, aliases })

async function instance(...models: string[]) {
  return await fakeInstance({
    models: { models: [...models.map((name) => model(name)), model('deepseek', ['r1'])] },
    status: { backends: [{ name: 'gpu0' }, { name: 'gpu1' }] },
    requests: { inFlight: [{ id: 'req-1' }], waiting: [{ id: 'req-2' }] },
  })
}

/** What a shell hears for the words behind `vllm-chill`, the last one being typed. */
async function ask(shell: string, words: readonly string[], url: string): Promise<string[]> {
  const terminal = fakeTerminal({ VLLM_CHILL_URL: url })
  const code = await main(['node', 'vllm-chill', 'complete', shell, '--', ...words], terminal)
  expect([code, terminal.said]).toEqual([0, []])
  return terminal.printed.flatMap((text) => text.split('\n'))
}

describe('completion', () => {
  it.each(shells)('prints a script for %s that asks the program', async (shell) => {
    const terminal = fakeTerminal()
    expect(await main(['node', 'vllm-chill', 'completion', shell], terminal)).toBe(0)
    expect(terminal.printed.join('')).toContain(`complete ${shell} -- `)
  })

  it('knows every command, with what it is for', async () => {
    const { url } = await instance()
    expect(await ask('bash', [''], url)).toContain('status')
    expect(await ask('bash', ['st'], url)).toEqual(['status', 'start', 'stop'])
    expect(await ask('fish', ['statu'], url)).toEqual([
      'status\tShow what a running vllm-chill does',
    ])
    expect(await ask('zsh', ['validat'], url)).toEqual([
      String.raw`validate:Check model manifests\: files, or folders of them`,
    ])
  })

  it('knows the flags of a command that are not there yet', async () => {
    const { url } = await instance()
    expect(await ask('bash', ['status', '--w'], url)).toEqual(['--watch'])
    expect(await ask('bash', ['stop', '--no'], url)).toEqual(['--no-wait'])
    const left = await ask('bash', ['status', '--watch', '--'], url)
    expect(left).toContain('--json')
    expect(left).not.toContain('--watch')
    expect(await ask('bash', ['serve', '--idle-'], url)).toContain('--idle-timeout')
  })

  it.each([
    [
      ['switch', ''],
      ['qwen3', 'deepseek', 'r1'],
    ],
    [['switch', '--no-wait', 'q'], ['qwen3']],
    [['switch', 'qwen3', ''], []],
    [['pin', 'd'], ['deepseek']],
    [['start', '--model', 'r'], ['r1']],
    [
      ['stop', '--backend', ''],
      ['gpu0', 'gpu1'],
    ],
    [
      ['logs', ''],
      ['gpu0', 'gpu1'],
    ],
    [['logs', '--lines', ''], []],
    [
      ['cancel', ''],
      ['req-1', 'req-2'],
    ],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['validate', ''], [':files']],
    [['validate', 'one', ''], [':files']],
    [['serve', '--models', ''], [':files']],
    [
      ['serve', '--log-format', ''],
      ['auto', 'json', 'pretty'],
    ],
    [['nonsense', ''], []],
  ])('%j', async (words, wanted) => {
    const { url } = await instance('qwen3')
    expect(await ask('bash', words, url)).toEqual(wanted)
  })

  it('tells each shell what it wants to hear of a value behind `=`', async () => {
    const { url } = await instance()
    const words = ['stop', '--backend=gpu1']
    expect(await ask('zsh', words, url)).toEqual(['--backend=gpu1'])
    expect(await ask('fish', words, url)).toEqual(['--backend=gpu1'])
    expect(await ask('bash', ['stop', '--backend', '=', 'gpu1'], url)).toEqual(['gpu1'])
  })

  it('asks the instance that the command line names', async () => {
    const elsewhere = await unusedUrl()
    const { url } = await instance('here')
    expect(await ask('fish', ['switch', '--url', url, 'h'], elsewhere)).toEqual(['here'])
    expect(await ask('fish', ['switch', 'h'], elsewhere)).toEqual([])
  })

  it('offers no name that is more than a word on a line', async () => {
    const { url } = await instance('a\nb', 'c\u001B[2J', 'fine')
    expect(await ask('fish', ['switch', ''], url)).toEqual(['fine', 'deepseek', 'r1'])
  })
})

describe('a Tab in bash', () => {
  async function bash(...models: string[]) {
    const { url } = await instance('qwen:7b', ...models)
    return await startBash({ VLLM_CHILL_URL: url })
  }

  it('completes commands, flags, names and what stands behind `:` and `=`', async () => {
    const shell = await bash()
    expect(await shell.enter('vllm-chill stat\t')).toEqual(['status'])
    expect(await shell.enter('vllm-chill switch deep\t--no-w\t')).toEqual([
      'switch',
      'deepseek',
      '--no-wait',
    ])
    expect(await shell.enter('vllm-chill switch qwen:\t')).toEqual(['switch', 'qwen:7b'])
    expect(await shell.enter('vllm-chill stop --backend=gpu1\t')).toEqual([
      'stop',
      '--backend=gpu1',
    ])
    expect(await shell.enter('vllm-chill validate exam\t')).toEqual(['validate', 'examples/'])
  })

  it('evaluates neither what is typed nor the names it hears', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chill-tab-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const [typed, named] = [join(folder, 'typed'), join(folder, 'named')]
    await writeFile(join(folder, 'there'), '')
    const name = `evil$(touch ${named})`
    const shell = await bash(name)
    await shell.abandon(`vllm-chill switch $(touch ${typed}) q\t`)
    expect(await shell.enter('vllm-chill switch evil\t')).toEqual(['switch', name])
    expect([existsSync(typed), existsSync(named)]).toEqual([false, false])
  })
})
