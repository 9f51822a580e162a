import Anthropic from '@anthropic-ai/sdk'
import { expect, test } from 'vitest'
import { simulator } from './simulators.ts'

const client = async () => {
  const { url } = await simulator()
  return new Anthropic({ baseURL: url, apiKey: 'none', maxRetries: 0 })
}

const ask = { model: 'm', max_tokens: 100, messages: [{ role: 'user' as const, content: 'hi' }] }

const tools = [
  {
    name: 'clock',
    input_schema: { type: 'object' as const, properties: { zone: {} }, required: ['zone'] },
  },
]

test('a message is answered whole', async () => {
  const message = await (await client()).messages.create({ ...ask, system: 'be brief' })
  expect(message.content).toMatchObject([{ type: 'text', text: '[m] you said: hi' }])
  expect(message).toMatchObject({
    stop_reason: 'end_turn',
    usage: { input_tokens: 3, output_tokens: 4 },
  })
})

test('a message is streamed as events that the SDK puts together', async () => {
  const words: string[] = []
  const stream = (await client()).messages.stream(ask).on('text', (word) => words.push(word))
  const message = await stream.finalMessage()
  expect(words).toEqual(['[m]', ' you', ' said:', ' hi'])
  expect(message).toMatchObject({ stop_reason: 'end_turn', usage: { output_tokens: 4 } })
})

test('the end says whether it was the limit or a stop sequence', async () => {
  const anthropic = await client()
  expect((await anthropic.messages.create({ ...ask, max_tokens: 2 })).stop_reason).toBe(
    'max_tokens',
  )
  const stopped = await anthropic.messages.create({ ...ask, stop_sequences: ['said'] })
  expect(stopped).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: 'said' })
})

test('a tool is used, streaming or not', async () => {
  const anthropic = await client()
  const call = { type: 'tool_use', name: 'clock', input: { zone: 'hi' } }
  const asked = { ...ask, tools, tool_choice: { type: 'any' as const } }
  const message = await anthropic.messages.create(asked)
  expect(message).toMatchObject({ content: [call], stop_reason: 'tool_use' })
  expect((await anthropic.messages.stream(asked).finalMessage()).content).toMatchObject([call])
})

test('tokens are counted', async () => {
  const { model, messages } = ask
  const count = await (await client()).messages.countTokens({ model, messages })
  expect(count.input_tokens).toBe(1)
})

test('an unknown model is refused in the shape of this API', async () => {
  const anthropic = await client()
  const error: unknown = await anthropic.messages
    .create({ ...ask, model: 'other' })
    .catch((error: unknown) => error)
  expect(error).toHaveProperty('status', 404)
  expect(error).toHaveProperty('error', {
    type: 'error',
    error: {
      type: 'NotFoundError',
      message: 'The model `other` does not exist. Valid aliases: m.',
    },
  })
})
