import { expect, test } from 'vitest'
import { ask, contentOf, refusalOf } from './conversation.ts'
import { says, type LogLine } from './log-lines.ts'
import { startProgram, type Program } from './program.ts'

/** Sends it under an id of its own, and returns what the log says of it. */
async function lineFor(program: Program, path: string, body: object): Promise<LogLine> {
  const id = `test-${crypto.randomUUID()}`
  const answer = await fetch(program.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-request-id': id },
    body: JSON.stringify({ model: 'a', ...body }),
  })
  const text = await answer.text()
  const line = await program.waitForLog((each) => each['id'] === id)
  expect(line['bytesOut']).toBe(Buffer.byteLength(text))
  return line
}

const messages = [{ role: 'user', content: 'some private words' }]

test('each request is one line with what it took, and none of what was said', async () => {
  const program = await startProgram({ models: { a: {} } })
  const chat = '/v1/chat/completions'
  const cold = await lineFor(program, chat, { messages })
  expect(cold).toMatchObject({
    level: 'info',
    method: 'POST',
    route: chat,
    model: 'a',
    backend: 'vllm',
    status: 200,
    stream: false,
    bytesIn: JSON.stringify({ model: 'a', messages }).length,
    promptTokens: expect.any(Number),
    completionTokens: expect.any(Number),
  })
  expect(Number(cold['waitedMs'])).toBeGreaterThan(0)
  expect(Number(cold['durationMs'])).toBeGreaterThan(Number(cold['waitedMs']))
  const { promptTokens, completionTokens } = cold
  const counts = { promptTokens, completionTokens }

  const stream = { messages, stream: true }
  expect(await lineFor(program, chat, stream)).not.toHaveProperty('promptTokens')
  const counted = { ...stream, stream_options: { include_usage: true } }
  expect(await lineFor(program, chat, counted)).toMatchObject({ ...counts, stream: true })

  const input = 'some private words'
  for (const more of [{}, { stream: true }]) {
    expect(await lineFor(program, '/v1/responses', { input, ...more })).toMatchObject(counts)
    const message = { messages, max_tokens: 100, ...more }
    expect(await lineFor(program, '/v1/messages', message)).toMatchObject(counts)
  }
  expect(await lineFor(program, chat, { model: 'none', messages })).toMatchObject({
    status: 404,
    code: 'model_not_found',
    bytesIn: expect.any(Number),
  })
  expect(JSON.stringify(program.log.all)).not.toContain('private words')
})

test('with --log-output what models answer is in the log, behind a warning', async () => {
  const program = await startProgram({ models: { a: {} }, flags: ['--log-output'] })
  const warning = await program.waitForLog(says('logOutput is on'))
  expect(warning.level).toBe('warn')
  expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
  const answer = await program.waitForLog(says('answer of a'))
  expect(answer).toMatchObject({ model: 'a', route: '/v1/chat/completions', isWhole: true })
  expect(String(answer['output'])).toContain('[a] you said: hi')

  const from = program.log.all.length
  await (await ask(program, 'a', { stream: true })).text()
  const streamed = await program.waitForLog(says('answer of a'), from)
  expect(String(streamed['output'])).toMatch(/^data: \{[^]*data: \[DONE\]\n\n$/)

  const long = { messages: [{ role: 'user', content: 'word '.repeat(30_000) }] }
  await (await ask(program, 'a', long)).text()
  const cut = await program.waitForLog(says('cut to its beginning'), from)
  expect(cut['isWhole']).toBe(false)
  expect(String(cut['output']).length).toBe(64 * 1024)
  expect(await refusalOf(await ask(program, 'none'))).toMatchObject({ status: 404 })
})

test('without it no answer is in the log, nor a warning', async () => {
  const program = await startProgram({ models: { a: {} } })
  expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
  await program.waitForLog(says('POST /v1/chat/completions a 200'))
  expect(JSON.stringify(program.log.all)).not.toMatch(/you said|logOutput/)
})
