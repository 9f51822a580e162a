import { cac } from 'cac'
import { describe, expect, test } from 'vitest'
import {
  groupHelp,
  loadSettings,
  registerSettings,
  settingsFromFlags,
  settingsJsonSchema,
  settingsReference,
} from '../../../src/config/index.ts'

function parse(...words: string[]) {
  const cli = cac('vllm-chill')
  registerSettings(cli.command('serve')).option('--json', 'JSON')
  cli.parse(['node', 'vllm-chill', 'serve', ...words], { run: false })
  cli.matchedCommand!.checkUnknownOptions()
  const flags = settingsFromFlags(cli.options, ['json'], cli.rawArgs)
  return loadSettings({ flags, env: {}, cwd: '/somewhere' })
}

describe('flags', () => {
  test('every setting has one that works', () => {
    const given: Record<string, string> = {
      number: '7',
      duration: '7s',
      size: '7MiB',
      'true|false': 'false',
      text: 'seven',
      name: 'seven',
      host: 'seven',
      command: 'seven',
      path: 'seven',
      list: 'seven',
      devices: '7',
      secret: 'seven',
      secrets: 'eight',
      yaml: '{shmSize: 7Gi}',
      pools: '{main: {gpus: 7}}',
      'name/key': 'seven/eight',
    }
    const cli = cac('vllm-chill')
    const command = registerSettings(cli.command('serve'))
    for (const { key, flags } of settingsReference()) {
      const option = command.options.find(({ rawName }) => rawName.startsWith(`${flags[0]} `))
      const placeholder = /[<[](.+)[>\]]$/.exec(option?.rawName ?? '')?.[1] ?? ''
      const words: Record<string, string> = {
        logLevel: 'warn',
        switchPolicy: 'fifo',
        keepWarm: '[{ model: seven, cron: 0 7 * * *, for: 7h }]',
        minIdleReplicas: '1',
      }
      const value = words[key] ?? given[placeholder] ?? placeholder.split('|')[1]
      // A file that is not there; a folder that a cluster has no use for.
      if (key === 'apiKeysFile') continue
      expect(parse(flags[0]!, value!).sources[key]).toBe(`flag ${flags[0]}`)
    }
  })

  test('switches stand alone, take a word, or are negated', () => {
    expect(parse('--log-output').logOutput).toBe(true)
    expect(parse('--hold', 'false').hold).toBe(false)
    expect(parse('--hold=0').hold).toBe(false)
    expect(parse('--no-hold').hold).toBe(false)
    expect(parse('--no-hold', '--json').hold).toBe(false)
  })

  test('what looks like a number is taken as it was typed', () => {
    const settings = parse(
      '--operations-token',
      '0012',
      '--api-keys=1e3',
      '--api-keys',
      '007',
      '--gpus',
      '0',
    )
    expect(settings.operationsToken).toBe('0012')
    expect(settings.apiKeys).toEqual(['1e3', '007'])
    expect(settings.gpus).toBe('0')
  })

  test('an unknown one is told with the nearest that exists', () => {
    expect(() => parse('--idle-timout', '5m')).toThrow(
      '--idle-timout: unknown flag; did you mean --idle-timeout?',
    )
    expect(() => parse('-x')).toThrow('-x: unknown flag')
  })
})

describe('what is derived from the table of settings', () => {
  test('the help groups the flags and gives default and variable', () => {
    const body = [
      '  --port <number>  Port to listen on',
      '  --hold [true|false]  Whether requests wait',
      '  -h, --help  Display this message',
    ].join('\n')
    const sections = groupHelp([
      { title: 'Usage', body: 'x' },
      { title: 'Options', body },
    ])
    expect(sections.map(({ title }) => title)).toEqual([
      'Usage',
      'Listening',
      'Requests',
      'Options',
    ])

    const command = registerSettings(cac('vllm-chill').command('serve'))
    const describes = (flag: string) =>
      command.options.find(({ rawName }) => rawName.startsWith(flag))?.description
    expect(describes('--idle-timeout')).toMatch(/\(default: 5m\) \[IDLE_TIMEOUT\]$/)
    expect(describes('--wait-deadline')).toContain('--drain-deadline + --max-wait')
  })

  test('no two settings share a flag or a variable', () => {
    const all = settingsReference()
    for (const names of [
      all.flatMap(({ flags }) => flags),
      all.flatMap(({ variables }) => variables),
    ]) {
      expect(new Set(names).size).toBe(names.length)
    }
  })

  test('the JSON schema knows every key and nothing else', () => {
    const { properties, additionalProperties } = settingsJsonSchema()
    const keys = settingsReference().map(({ key }) => key as string)
    expect(Object.keys(properties as object)).toEqual([...keys, 'backends'])
    expect(additionalProperties).toBe(false)
  })
})
