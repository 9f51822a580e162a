import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cac } from 'cac'
import { describe, expect, test } from 'vitest'
import { registerConfig } from '../../../src/cli/config.ts'
import { pipeTerminal } from '../../../src/cli/terminal.ts'
import { ConfigError, loadSettings, reportSettings } from '../../../src/config/index.ts'

function run(words: string[], env: Record<string, string> = {}): string {
  const printed: string[] = []
  const cli = cac('vllm-chill')
  registerConfig(cli, pipeTerminal({ env, print: (text) => printed.push(text) }))
  cli.parse(['node', 'vllm-chill', 'config', ...words], { run: false })
  cli.runMatchedCommand()
  return printed.join('\n')
}

const lineOf = (text: string, key: string) =>
  text.split('\n').find((line) => line.startsWith(`${key} `)) ?? ''

describe('vllm-chill config', () => {
  test('says what is in force and where it is from', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'chill-')), 'c.yaml')
    writeFileSync(file, 'idleTimeout: 90s\nbackends:\n  - { name: small, models: [a, b] }\n')
    const text = run(['--config', file, '--port', '9000'], { LOG_OUTPUT: 'true' })
    expect(lineOf(text, 'port')).toMatch(/^port +9000 +flag --port$/)
    expect(lineOf(text, 'logOutput')).toMatch(/^logOutput +true +environment LOG_OUTPUT$/)
    expect(lineOf(text, 'idleTimeout').split(/ {2,}/)).toEqual([
      'idleTimeout',
      '1m30s',
      `file ${file}`,
    ])
    expect(lineOf(text, 'maxWait')).toMatch(/^maxWait +1m +default$/)
    expect(lineOf(text, 'small')).toMatch(/^small +a,b +- +- +- +vllm serve$/)
  })

  test('shows no secret, neither as a table nor as JSON', () => {
    const secrets = [
      'key-one',
      'key-two',
      'op-token',
      'engine-key',
      'cmd-key',
      'hf-secret',
      'pod-secret',
      'deep-secret',
    ]
    const file = join(mkdtempSync(join(tmpdir(), 'chill-')), 'c.yaml')
    writeFileSync(
      file,
      `backends:
  - { name: a, env: { HF_TOKEN: hf-secret }, pod: { env: { X: pod-secret } } }
pod:
  podTemplate: { spec: { containers: [{ name: vllm, env: [{ name: Y, value: deep-secret }] }] } }
`,
    )
    const flags = `--config ${file} --api-keys key-one,key-two --operations-token op-token --backend-api-key engine-key`
    const words = [...flags.split(' '), '--command', 'vllm serve --api-key cmd-key']
    const cluster = ['--driver', 'kubernetes']
    for (const text of [run(words), run([...words, '--json']), run([...words, ...cluster])]) {
      for (const secret of secrets) expect(text).not.toContain(secret)
      expect(text).toContain('HF_TOKEN')
      expect(text).toContain('2 secrets')
    }
  })

  test('says in a cluster what the objects of each backend are called', () => {
    const flags = ['--driver', 'kubernetes', '--deployment', 'mine', '--pod', '{shmSize: 8Gi}']
    const lines = run(flags).split('\n')
    expect(lines.at(-1)?.split(/ {2,}/)).toEqual(['vllm', 'mine', 'vllm-config', 'vllm-svc', '{}'])
    expect(lineOf(lines.join('\n'), 'pod')).toContain('{"shmSize":"8Gi"}')
    expect(run(['--driver', 'process'])).not.toContain('DEPLOYMENT')
  })

  test('as JSON has every setting as a person would write it', () => {
    const report: unknown = JSON.parse(run(['--json', '--body-limit', '1MiB']))
    expect(report).toMatchObject({
      settings: expect.arrayContaining([
        { key: 'bodyLimit', value: '1MiB', source: 'flag --body-limit' },
      ]) as unknown,
      backends: [{ name: 'vllm', command: 'vllm serve' }],
    })
  })

  test('ends with code 2 and every problem on a line of its own', () => {
    const error = (() => {
      try {
        return run(['--prot', '1', '--port', 'x'])
      } catch (error) {
        return error
      }
    })()
    expect(error).toBeInstanceOf(ConfigError)
    expect((error as ConfigError).exitCode).toBe(2)
    expect((error as ConfigError).message.split('\n')).toHaveLength(2)
  })
})

test('every default that is shown could be typed', () => {
  const settings = loadSettings({ env: {}, cwd: '/', home: '/home/me' })
  const shown = reportSettings(settings).settings.filter(({ value }) => value !== undefined)
  const flags = Object.fromEntries(shown.map(({ key, value }) => [key, value]))
  const again = loadSettings({ flags, env: {}, cwd: '/', home: '/home/me' })
  expect({ ...again, sources: settings.sources }).toEqual(settings)
})
