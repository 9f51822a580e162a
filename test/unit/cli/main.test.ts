import { describe, expect, it, vi } from 'vitest'
import manifest from '../../../package.json' with { type: 'json' }
import { main } from '../../../src/cli/main.ts'
import { fakeTerminal } from './terminals.ts'
import { unusedUrl } from './unused-url.ts'

async function run(...words: string[]) {
  const terminal = fakeTerminal({ VLLM_CHILL_URL: 'http://127.0.0.1:1' })
  const info = vi.spyOn(console, 'info').mockImplementation(terminal.print)
  const code = await main(['node', 'vllm-chill', ...words], terminal)
  info.mockRestore()
  return { code, printed: terminal.printed.join('\n'), said: terminal.said.join('') }
}

describe('the command line', () => {
  it.each(['--version', '-v'])('%s prints the version', async (flag) => {
    expect(await run(flag)).toEqual({
      code: 0,
      printed: `vllm-chill ${manifest.version}`,
      said: '',
    })
  })

  it('--help lists the commands, with examples', async () => {
    const { code, printed } = await run('--help')
    expect(code).toBe(0)
    for (const words of [
      'serve',
      'simulate',
      'config',
      'validate',
      'models',
      'status',
      'switch <model>',
      'start',
      'stop',
      'Examples:',
    ]) {
      expect(printed).toContain(words)
    }
  })

  it('config --help shows every setting, in groups', async () => {
    const { code, printed } = await run('config', '--help')
    expect(code).toBe(0)
    expect(printed).toContain('--idle-timeout <duration>')
    expect(printed.match(/^[A-Z].*:$/gm)?.length).toBeGreaterThan(4)
  })

  it('a broken configuration is a usage error that names the nearest flag', async () => {
    const { code, said } = await run('config', '--idle-timout', '3s')
    expect(code).toBe(2)
    expect(said).toBe('vllm-chill: --idle-timout: unknown flag; did you mean --idle-timeout?\n')
  })

  it.each([
    'models',
    'status',
    'switch',
    'start',
    'stop',
    'top',
    'events',
    'logs',
    'requests',
    'cancel',
    'pin',
    'unpin',
  ])('%s --help', async (command) => {
    const { code, printed } = await run(command, '--help')
    expect(code).toBe(0)
    expect(printed).toContain(`$ vllm-chill ${command}`)
    expect(printed).toContain('Examples:')
    expect(printed).toContain('--url <url>')
    expect(printed).not.toContain('default: true')
  })

  it.each([
    [[], 'a command is missing'],
    [['statsu'], 'unknown command "statsu"; did you mean status?'],
    [['frobnicate'], 'unknown command "frobnicate"\n'],
    [['status', '--jsno'], 'unknown option --jsno of `vllm-chill status`; did you mean --json?'],
    [
      ['stop', '--no-wiat'],
      'unknown option --no-wiat of `vllm-chill stop`; did you mean --no-wait?',
    ],
    [['status', '--frobnicate'], 'unknown option --frobnicate of `vllm-chill status`\n'],
    [['status', '-x'], 'unknown option -x'],
    [['status', 'extra'], '`extra`'],
    [['switch'], 'missing required args'],
    [['cancel'], 'missing required args'],
    [['events', '--last', 'many'], '--last: many is no whole number'],
    [['logs', 'gpu0', '--lines=-1'], '--lines: -1 is no whole number'],
    [['top', '--interval', '5'], '--interval: 5 is no duration'],
    [['top', '--count', '0'], '--count'],
    [['completion', 'csh'], 'no shell "csh" here: bash, zsh, fish'],
    [['status', '--url'], 'value is missing'],
    [['status', '--url', 'nonsense'], '"nonsense" is no URL'],
    [['status', '--url', 'ftp://host'], '"ftp://host" is no URL'],
  ])('%j is a usage error', async (words, complaint) => {
    const { code, said } = await run(...words)
    expect(code).toBe(2)
    expect(said).toContain(complaint)
    expect(said).toMatch(/Try `vllm-chill .*--help`/)
  })

  it('says that nothing listens, without a stack trace', async () => {
    const url = await unusedUrl()
    const { code, said } = await run('status', '--url', url)
    expect(code).toBe(1)
    expect(said).toBe(
      `vllm-chill: Nothing listens at ${url}. Is vllm-chill running? Say where with --url or VLLM_CHILL_URL.\n`,
    )
  })
})
