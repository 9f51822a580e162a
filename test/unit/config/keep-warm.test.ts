import { describe, expect, test } from 'vitest'
import { loadSettings, type ConfigError } from '../../../src/config/index.ts'

const load = (file: string, flags: Record<string, unknown> = {}) =>
  loadSettings({
    flags: { config: '/c.yaml', models: '/models', ...flags },
    env: {},
    cwd: '/',
    readFile: () => file,
  })

function problemsOf(file: string): readonly string[] {
  try {
    load(file)
    return []
  } catch (error) {
    return (error as ConfigError).problems
  }
}

describe('keepWarm', () => {
  test('is read from the file, in general and of a backend', () => {
    const { keepWarm, backends } = load(`
      keepWarm:
        - { model: a, cron: 0 8 * * 1-5, for: 10h, timeZone: Europe/Berlin, backend: one }
      backends:
        - { name: one, keepWarm: [{ model: b, cron: '*/30 * * * *', for: 5m }], minIdleReplicas: 1 }
    `)
    expect(keepWarm).toEqual([
      {
        model: 'a',
        cron: '0 8 * * 1-5',
        for: '10h',
        timeZone: 'Europe/Berlin',
        backend: 'one',
      },
    ])
    expect(backends[0]).toMatchObject({
      keepWarm: [{ model: 'b', cron: '*/30 * * * *', for: '5m' }],
      minIdleReplicas: 1,
    })
  })

  test('is YAML on one line in a flag', () => {
    const { keepWarm } = load('', { keepWarm: '[{ model: a, cron: 0 8 * * *, for: 1h }]' })
    expect(keepWarm).toMatchObject([{ model: 'a', cron: '0 8 * * *', for: '1h' }])
  })

  test.each([
    ['keepWarm: office', '/c.yaml: keepWarm: expected a list such as [{model: NAME, cron:'],
    ['keepWarm: [{ model: a, cron: 0 8 * * 1-5 }]', 'keepWarm[0].for: is missing'],
    [
      'keepWarm: [{ model: a, cron: 0 8 * *, for: 1h }]',
      'keepWarm[0].cron: "0 8 * *" is no cron line',
    ],
    ['keepWarm: [{ model: a, cron: 0 0 31 2 *, for: 1h }]', 'that ever comes'],
    ['keepWarm: [{ model: a, cron: 0 0 8 * * 1, for: 1h }]', 'of five fields'],
    [
      'keepWarm: [{ model: a, cron: 0 8 * * *, for: 10 hours }]',
      'keepWarm[0].for: "10 hours" is not a duration',
    ],
    [
      'keepWarm: [{ model: a, cron: 0 8 * * *, for: 1h, timeZone: Mars }]',
      '"Mars" is no time zone',
    ],
    [
      'keepWarm: [{ model: a, cron: 0 8 * * *, for: 1h, timezone: UTC }]',
      'unknown field; did you mean timeZone?',
    ],
    [
      'keepWarm: [{ model: a, cron: 0 8 * * *, for: 1h, backend: vlm }]',
      'no backend is named vlm; did you mean vllm?',
    ],
    [
      'backends: [{ name: x, keepWarm: [{ model: a }] }]',
      'backends[0].keepWarm[0].cron: is missing',
    ],
    ['returnToDefault: true', 'returnToDefault: needs a `defaultModel`'],
    ['minIdleReplicas: 2', 'expected a whole number from 0 to 1'],
  ])('%s is refused', (file, why) => {
    expect(problemsOf(file).join('\n')).toContain(why)
  })
})
