import { expect, test } from 'vitest'
import { ask, contentOf, openai, refusalOf, saying, waitedMs } from './conversation.ts'
import { startProgram } from './program.ts'

test('the first request is held and answered by its model, and one for another model switches', async () => {
  const program = await startProgram()
  const chat = openai(program).chat.completions
  const said = async (model: string) => {
    const { data, response } = await chat.create({ model, messages: saying('hi') }).withResponse()
    return { content: data.choices[0]?.message.content, waited: waitedMs(response) > 0 }
  }
  expect(await said('a')).toEqual({ content: '[a] you said: hi', waited: true })
  expect(await said('b')).toEqual({ content: '[b] you said: hi', waited: true })
  expect(await said('a')).toEqual({ content: '[a] you said: hi', waited: true })
  expect(program.started().map(({ model }) => model)).toEqual(['a', 'b', 'a'])
})

test('a warm request never waits for a look at whether the model is ready (defect 2)', async () => {
  const program = await startProgram()
  expect(waitedMs(await ask(program, 'a'))).toBeGreaterThan(0)
  for (let round = 0; round < 20; round++) {
    const answer = await ask(program, 'a')
    expect(answer.headers.has('x-vllm-chill-waited-ms')).toBe(false)
    expect(await contentOf(answer)).toBe('[a] you said: hi')
  }
})

test('200 first requests at once start the model once, and all are answered', async () => {
  const program = await startProgram()
  const answers = await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const answer = await ask(program, 'a', { messages: saying(`request ${index}`) })
      return await contentOf(answer)
    }),
  )
  expect(answers).toEqual(
    Array.from({ length: 200 }, (_, index) => `[a] you said: request ${index}`),
  )
  expect(program.started()).toHaveLength(1)
  expect(await program.backend()).toMatchObject({ generation: 1, leases: 0, waiting: [] })
})

test('listings, probes, scrapes, unknown paths and unknown models wake nothing (defect 6)', async () => {
  const program = await startProgram()
  const get = (path: string) => fetch(program.url + path)

  const models = await openai(program).models.list()
  expect(models.data.map(({ id }) => id)).toEqual(['a', 'b'])
  expect((await openai(program).models.retrieve('b')).id).toBe('b')
  for (const path of [
    '/health',
    '/readyz',
    '/metrics',
    '/proxy/metrics',
    '/proxy/status',
    '/proxy/models',
    '/proxy/version',
  ]) {
    expect([path, (await get(path)).status]).toEqual([path, 200])
  }
  for (const path of ['/favicon.ico', '/', '/v1/nonsense', '/sleep', '/v1/models/c']) {
    expect([path, (await get(path)).status]).toEqual([path, 404])
  }
  const unknown = await refusalOf(await ask(program, 'c'))
  expect(unknown).toMatchObject({ status: 404, code: 'model_not_found' })
  expect(unknown.message).toMatch(/\ba\b.*\bb\b/)
  const none = await fetch(`${program.url}/v1/chat/completions`, { method: 'POST', body: '{}' })
  expect(await refusalOf(none)).toMatchObject({ status: 400, code: 'model_required' })
  const broken = await fetch(`${program.url}/v1/chat/completions`, {
    method: 'POST',
    body: '{"model": "a", "messages": [',
  })
  expect(await refusalOf(broken)).toMatchObject({ status: 400, code: 'invalid_json' })

  expect(await program.backend()).toMatchObject({ state: 'cold', generation: 0, failures: [] })
  expect(program.started()).toEqual([])
})

test('all the endpoints that name a model wake it, JSON or multipart', async () => {
  const program = await startProgram()
  const client = openai(program)
  const embeddings = await client.embeddings.create({ model: 'a', input: 'hi' })
  expect(embeddings.model).toBe('a')
  const file = new File(['RIFF'], 'speech.wav', { type: 'audio/wav' })
  const { text } = await client.audio.transcriptions.create({ model: 'b', file })
  expect(text).not.toBe('')
  const response = await client.responses.create({ model: 'a', input: 'hi' })
  expect(response.output_text).toBe('[a] you said: hi')
  expect((await client.responses.retrieve(response.id)).output_text).toBe('[a] you said: hi')
  expect(program.started().map(({ model }) => model)).toEqual(['a', 'b', 'a'])
})
