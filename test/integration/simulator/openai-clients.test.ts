import OpenAI, { NotFoundError, toFile } from 'openai'
import { describe, expect, test } from 'vitest'
import { collect, simulator } from './simulators.ts'

const client = async (line?: string) => {
  const { url } = await simulator(line)
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 })
}

const said = (content: string) => [{ role: 'user' as const, content }]

const clock = {
  type: 'function' as const,
  function: {
    name: 'clock',
    parameters: { type: 'object', properties: { zone: { type: 'string' } }, required: ['zone'] },
  },
}

describe('chat', () => {
  test('names the served model and echoes the last message, with usage', async () => {
    const openai = await client('--served-model-name a b')
    const messages = [...said('first'), { role: 'assistant' as const, content: 'x' }, ...said('hi')]
    const answer = await openai.chat.completions.create({ model: 'b', messages })
    expect(answer.model).toBe('b')
    expect(answer.choices[0]?.message.content).toBe('[a] you said: hi')
    expect(answer.choices[0]?.finish_reason).toBe('stop')
    expect(answer.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 })
  })

  test('streams the same words one by one, with usage in a last chunk when asked', async () => {
    const openai = await client()
    const stream = await openai.chat.completions.create({
      model: 'm',
      messages: said('hi'),
      stream: true,
      stream_options: { include_usage: true },
    })
    const chunks = await collect(stream)
    const words = chunks.map((chunk) => chunk.choices[0]?.delta.content).filter(Boolean)
    expect(words).toEqual(['[m]', ' you', ' said:', ' hi'])
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('stop')
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 4 } })
  })

  test('stops at a stop string and at the token limit', async () => {
    const openai = await client()
    const ask = async (limits: object) => {
      const body = { model: 'm', messages: said('one two three'), ...limits }
      return (await openai.chat.completions.create(body)).choices[0]
    }
    expect(await ask({ stop: 'two' })).toMatchObject({
      message: { content: '[m] you said: one ' },
      finish_reason: 'stop',
      stop_reason: 'two',
    })
    expect((await ask({ max_tokens: 2 }))?.finish_reason).toBe('length')
    expect((await ask({ max_completion_tokens: 2 }))?.message.content).toBe('[m] you')
  })

  test('gives n choices', async () => {
    const openai = await client()
    const answer = await openai.chat.completions.create({ model: 'm', messages: said('x'), n: 3 })
    expect(answer.choices.map(({ index }) => index)).toEqual([0, 1, 2])
  })

  test('calls a tool, streaming or not, and answers its result in words', async () => {
    const openai = await client()
    const ask = {
      model: 'm',
      messages: said('hi'),
      tools: [clock],
      tool_choice: 'required' as const,
    }
    const answer = await openai.chat.completions.create(ask)
    expect(answer.choices[0]?.finish_reason).toBe('tool_calls')
    const call = { type: 'function', function: { name: 'clock', arguments: '{"zone":"hi"}' } }
    expect(answer.choices[0]?.message.tool_calls).toMatchObject([call])

    const streamed = await openai.chat.completions.stream(ask).finalChatCompletion()
    expect(streamed.choices[0]?.message.tool_calls).toMatchObject([call])

    const result = { role: 'tool' as const, tool_call_id: 'x', content: 'clock says noon' }
    const last = await openai.chat.completions.create({
      model: 'm',
      tools: [clock],
      messages: [...said('hi'), result],
    })
    expect(last.choices[0]?.message.content).toBe('[m] you said: clock says noon')
  })

  test('refuses an unknown model with vLLM’s error, its code an integer', async () => {
    const openai = await client()
    const error: unknown = await openai.chat.completions
      .create({ model: 'other', messages: said('hi') })
      .catch((error: unknown) => error)
    expect(error).toBeInstanceOf(NotFoundError)
    expect(error).toHaveProperty('status', 404)
    expect(error).toHaveProperty('error', {
      message: 'The model `other` does not exist. Valid aliases: m.',
      type: 'NotFoundError',
      param: 'model',
      code: 404,
    })
  })
})

test('text completions answer each prompt, streaming or not', async () => {
  const openai = await client()
  const ask = { model: 'm', prompt: ['one', 'two'], max_tokens: 10 }
  const answer = await openai.completions.create(ask)
  expect(answer.choices.map(({ text }) => text)).toEqual(['[m] you said: one', '[m] you said: two'])
  const chunks = await collect(await openai.completions.create({ ...ask, stream: true }))
  const words = chunks.filter(({ choices }) => choices[0]?.index === 1)
  expect(words.map(({ choices }) => choices[0]?.text).join('')).toBe('[m] you said: two')
})

test('the listing has an entry per served name, with the root and the length', async () => {
  const openai = await client('--served-model-name a b --max-model-len 1k')
  const models = await collect(openai.models.list())
  expect(models).toMatchObject([
    { id: 'a', root: 'm', owned_by: 'vllm', max_model_len: 1000 },
    { id: 'b', root: 'm' },
  ])
})

test('embeddings of equal texts are equal, in both encodings', async () => {
  const openai = await client()
  const input = ['a b', 'a b', 'c']
  const packed = await openai.embeddings.create({ model: 'm', input })
  const plain = await openai.embeddings.create({ model: 'm', input, encoding_format: 'float' })
  const [one, same, other] = packed.data.map(({ embedding }) => embedding)
  expect(one).toEqual(same)
  expect(one).not.toEqual(other)
  expect(plain.data[0]?.embedding[0]).toBeCloseTo(one?.[0] ?? Number.NaN)
})

test('transcriptions and translations take a multipart form that names the model', async () => {
  const openai = await client()
  const file = await toFile(Buffer.alloc(2048), 'speech.wav')
  const heard = await openai.audio.transcriptions.create({ model: 'm', file })
  expect(heard.text).toBe('[m] you said: heard speech.wav of 2048 bytes')
  const ask = { model: 'm', file, response_format: 'text' as const }
  expect(await openai.audio.translations.create(ask)).toContain('translated speech.wav')
  const stream = await openai.audio.transcriptions.create({ model: 'm', file, stream: true })
  expect((await collect(stream)).length).toBeGreaterThan(5)
  await expect(openai.audio.transcriptions.create({ model: 'x', file })).rejects.toThrow('404')
})

describe('responses', () => {
  test('answer whole, and are found again by their id', async () => {
    const openai = await client()
    const answer = await openai.responses.create({ model: 'm', input: 'hi' })
    expect(answer.output_text).toBe('[m] you said: hi')
    expect(answer.usage).toMatchObject({ input_tokens: 1, output_tokens: 4 })
    expect((await openai.responses.retrieve(answer.id)).output).toEqual(answer.output)
    await expect(openai.responses.retrieve('resp_x')).rejects.toThrow("'resp_x' not found")
  })

  test('stream as typed events that the SDK puts together', async () => {
    const openai = await client()
    const words: string[] = []
    const answer = await openai.responses
      .stream({ model: 'm', input: [{ role: 'user', content: 'hi' }] })
      .on('response.output_text.delta', ({ delta }) => words.push(delta))
      .finalResponse()
    expect(words).toEqual(['[m]', ' you', ' said:', ' hi'])
    expect(answer.output_text).toBe('[m] you said: hi')
    expect(answer.status).toBe('completed')
  })

  test('call a function', async () => {
    const openai = await client()
    const { name, parameters } = clock.function
    const tools = [{ type: 'function' as const, name, parameters, strict: false }]
    const ask = { model: 'm', input: 'hi', tools, tool_choice: 'required' as const }
    const call = { type: 'function_call', name: 'clock', arguments: '{"zone":"hi"}' }
    expect((await openai.responses.create(ask)).output).toMatchObject([call])
    expect((await openai.responses.stream(ask).finalResponse()).output).toMatchObject([call])
  })

  test('go on in the background until they are cancelled', async () => {
    const openai = await client('--hang-requests')
    const ask = { model: 'm', input: 'hi', background: true }
    const { id, status } = await openai.responses.create(ask)
    expect(status).toBe('queued')
    expect((await openai.responses.cancel(id)).status).toBe('cancelled')
    expect((await openai.responses.retrieve(id)).status).toBe('cancelled')
  })

  test('are complete some time after a background request was answered', async () => {
    const openai = await client('--itl 1ms')
    const { id } = await openai.responses.create({ model: 'm', input: 'hi', background: true })
    const state = async () => await openai.responses.retrieve(id)
    while ((await state()).status !== 'completed');
    expect((await state()).output_text).toBe('[m] you said: hi')
  })
})
