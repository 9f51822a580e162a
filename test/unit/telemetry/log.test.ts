import { describe, expect, it } from 'vitest'
import { createLog, logHarmless, type LogOptions } from '../../../src/telemetry/index.ts'

function logInto(options: LogOptions & { isTTY?: boolean } = {}) {
  const lines: string[] = []
  const { isTTY = false, ...rest } = options
  const log = createLog({
    ...rest,
    destination: { isTTY, write: (line: string) => void lines.push(line) },
  })
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? 'null') }
}

describe('log', () => {
  it('writes one JSON object a line when nobody watches on a terminal', () => {
    const { log, last } = logInto()
    log.info({ model: 'a', tookMs: 12 }, 'ready')
    expect(last()).toMatchObject({ level: 'info', msg: 'ready', model: 'a', tookMs: 12 })
    expect(last().time).toMatch(/^\d{4}-\d\d-\d\dT/)
    expect(last()).not.toHaveProperty('hostname')
  })

  it('writes for people on a terminal', () => {
    const { log, lines } = logInto({ isTTY: true })
    log.warn({ model: 'a' }, 'start failed')
    expect(lines.join('')).toMatch(/WARN.*start failed[^]*model/)
  })

  it('writes JSON on a terminal when told so, and the other way round', () => {
    const json = logInto({ isTTY: true, format: 'json' })
    json.log.info('x')
    expect(json.last().msg).toBe('x')
    const people = logInto({ format: 'pretty' })
    people.log.info('x')
    expect(people.lines.join('')).toMatch(/INFO.*: x/)
  })

  it('leaves out what is below its level', () => {
    const { log, lines } = logInto({ level: 'warn' })
    log.info('quiet')
    log.error('loud')
    expect(lines).toHaveLength(1)
  })

  it.each([
    { authorization: 'Bearer s3cret' },
    { headers: { Authorization: 'Bearer s3cret', 'x-api-key': 's3cret', cookie: 'a=s3cret' } },
    { headers: new Headers({ 'X-Api-Key': 's3cret', 'Set-Cookie': 's3cret' }) },
    { config: { backends: [{ backendKey: 's3cret', env: { HF_TOKEN: 's3cret' } }] } },
    {
      apiKey: 's3cret',
      client_keys: ['s3cret'],
      operationsToken: 's3cret',
      backendApiKey: 's3cret',
    },
    { byName: new Map([['token', 's3cret']]), all: new Set([{ password: 's3cret' }]) },
  ])('never shows a secret: case %#', (fields) => {
    const { log, lines } = logInto()
    log.error(fields, 'oops')
    log.child(fields).info('child')
    expect(lines).toHaveLength(2)
    expect(lines.join('')).toContain('[secret]')
    expect(lines.join('')).not.toContain('s3cret')
  })

  it('shows what only sounds like a secret', () => {
    const { log, last } = logInto()
    log.info({ maxTokens: 5, tokens: 7, apiKeysFile: '/etc/keys', keys: 2 })
    expect(last()).toMatchObject({ maxTokens: 5, tokens: 7, apiKeysFile: '/etc/keys', keys: 2 })
  })

  it('never shows what was asked and answered', () => {
    const { log, lines } = logInto()
    log.info({
      request: { body: '{"x":"private words"}', messages: [{ content: 'private words' }] },
      prompt: 'private words',
      raw: Buffer.from('private words'),
    })
    expect(lines.join('')).not.toContain('private words')
    expect(lines.join('')).toContain('13 bytes')
  })

  it('shows code, message, stack and cause of an error, and nothing else that hangs on it', () => {
    const { log, last } = logInto()
    const cause = Object.assign(new Error('socket closed'), { code: 'ECONNRESET' })
    const error = Object.assign(new TypeError('no answer', { cause }), {
      request: { text: 'private words' },
    })
    log.error(error)
    expect(last().err).toMatchObject({
      type: 'TypeError',
      message: 'no answer',
      cause: { code: 'ECONNRESET', message: 'socket closed' },
    })
    expect(last().err.stack).toContain('log.test.ts')
    expect(JSON.stringify(last())).not.toContain('private words')
  })

  it('writes what is known to be harmless as any other line', () => {
    const { log, last, lines } = logInto()
    logHarmless(log, '"status":200,"model":"a"', 'a "quoted" message')
    const { time, ...rest } = last()
    expect(rest).toEqual({ level: 'info', status: 200, model: 'a', msg: 'a "quoted" message' })
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
    const people = logInto({ format: 'pretty' })
    logHarmless(people.log, '"status":200', 'done')
    expect(people.lines.join('')).toMatch(/INFO: done.*"status":200/)
    log.level = 'warn'
    logHarmless(log, '"status":200', 'unwanted')
    expect(lines).toHaveLength(1)
  })

  it('survives an object that contains itself', () => {
    const { log, last } = logInto()
    const loop: Record<string, unknown> = { name: 'loop' }
    loop['self'] = loop
    log.info({ loop }, 'round')
    expect(last().msg).toBe('round')
  })
})
