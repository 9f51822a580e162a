import Anthropic from '@anthropic-ai/sdk'
import { expect, test } from 'vitest'
import { ask, openai, saying, stream } from './conversation.ts'
import { simulating } from './models.ts'
import { startProgram, type Program } from './program.ts'

const soon = ['--progress-after', '100ms']
const broken = { a: simulating({ failLoad: 3, loadTime: '800ms' }) }

async function collect(events: AsyncIterable<unknown>): Promise<number> {
  let count = 0
  for await (const _ of events) count++
  return count
}

test('comments keep a waiting stream alive, then come the content and the end', async () => {
  const program = await startProgram({
    models: { a: simulating({ loadTime: '800ms' }) },
    flags: soon,
  })
  const answer = await ask(program, 'a', { stream: true })
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toContain('text/event-stream')
  const text = await answer.text()
  expect(text).toMatch(/^: (creatingResources|scalingUp) \d+ s\n\n(: scalingUp \d+ s\n\n)*data: /)
  expect(text).toMatch(/data: \[DONE\]\n\n$/)
  expect(text.match(/^data: /gm)?.length).toBeGreaterThan(4)
})

test('comments from the beginning are no flood of them', async () => {
  const program = await startProgram({
    models: { a: simulating({ loadTime: '800ms' }) },
    flags: ['--progress-after', '0'],
  })
  const text = await (await ask(program, 'a', { stream: true })).text()
  expect(text.match(/^: /gm)?.length).toBeLessThan(5)
})

test('the SDK sees nothing of the comments but the answer', async () => {
  const program = await startProgram({
    models: { a: simulating({ loadTime: '500ms' }) },
    flags: soon,
  })
  expect(await stream(program, 'a', 20).done).toMatchObject({ tokens: 20, finish: 'length' })
})

test('without streaming, or with comments turned off, it waits silently', async () => {
  const program = await startProgram({
    models: broken,
    flags: [...soon, '--progress-comments', 'false'],
  })
  expect((await ask(program, 'a', { stream: true })).status).toBe(503)
})

const failingCalls: [string, (program: Program) => Promise<unknown>][] = [
  [
    'chat completions through the OpenAI SDK',
    async (program) =>
      collect(
        await openai(program).chat.completions.create({
          model: 'a',
          messages: saying('hi'),
          stream: true,
        }),
      ),
  ],
  [
    'completions through the OpenAI SDK',
    async (program) =>
      collect(await openai(program).completions.create({ model: 'a', prompt: 'hi', stream: true })),
  ],
  [
    'responses through the OpenAI SDK',
    async (program) =>
      collect(await openai(program).responses.create({ model: 'a', input: 'hi', stream: true })),
  ],
  [
    'messages through the Anthropic SDK',
    ({ url }) =>
      new Anthropic({ baseURL: url, apiKey: 'none', maxRetries: 0 }).messages
        .stream({ model: 'a', max_tokens: 10, messages: saying('hi') })
        .finalMessage(),
  ],
]

test.for(failingCalls)(
  'a start that fails behind the comments is an error that clients throw: %s',
  async ([, call]) => {
    const program = await startProgram({ models: broken, flags: soon })
    await expect(call(program)).rejects.toThrow(/exited with code 3/)
    // The log has what really happened, not the 200 that the client was told.
    await program.waitForLog(({ status, code }) => status === 503 && code === 'model_failed')
  },
)
