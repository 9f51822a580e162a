import { expect, test } from 'vitest'
import { ask, contentOf, openai, refusalOf, saying } from './conversation.ts'
import { startProgram, type Program } from './program.ts'

const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } })

const chatWith = (program: Program, apiKey: string) =>
  openai(program, { apiKey }).chat.completions.create({ model: 'a', messages: saying('hi') })

test('with client keys, only who shows one gets in or wakes anything', async () => {
  const program = await startProgram({ flags: ['--api-keys', 'one,two'] })
  await expect(chatWith(program, 'three')).rejects.toMatchObject({
    status: 401,
    code: 'invalid_api_key',
  })
  expect((await ask(program, 'a')).status).toBe(401)
  expect((await fetch(`${program.url}/v1/models`)).status).toBe(401)
  expect((await fetch(`${program.url}/health`)).status).toBe(200)
  expect(program.started()).toEqual([])
  expect((await chatWith(program, 'two')).model).toBe('a')
  const header = await ask(program, 'a', {}, { headers: { 'x-api-key': 'one' } })
  expect(await contentOf(header)).toBe('[a] you said: hi')
})

test('the backend key is set on what is forwarded, in place of the client key', async () => {
  const program = await startProgram({
    flags: ['--api-keys', 'key-of-clients', '--backend-api-key', 'key-of-vllm'],
  })
  expect((await chatWith(program, 'key-of-clients')).model).toBe('a')
  await expect(chatWith(program, 'key-of-vllm')).rejects.toMatchObject({ status: 401 })
  expect(JSON.stringify(program.log.all)).not.toContain('key-of')
})

test('a client key is never forwarded, even where the backend would take it', async () => {
  const program = await startProgram({
    models: { a: { env: { VLLM_API_KEY: 'same' } } },
    flags: ['--api-keys', 'same'],
  })
  const answer = await ask(program, 'a', {}, bearer('same'))
  expect(answer.status).toBe(401)
  expect(await answer.text()).not.toContain('invalid_api_key')
})

test("without any keys of ours the client's own passes through to the backend", async () => {
  const program = await startProgram({ models: { a: { env: { VLLM_API_KEY: 'vllms' } } } })
  expect((await chatWith(program, 'vllms')).model).toBe('a')
  await expect(chatWith(program, 'wrong')).rejects.toMatchObject({ status: 401 })
})

test("a client's key opens nothing of the operators' side", async () => {
  const program = await startProgram({
    flags: ['--api-keys', 'clients', '--operations-token', 'operators'],
  })
  const status = (init: RequestInit) => fetch(`${program.url}/proxy/status`, init)
  expect(await refusalOf(await status(bearer('clients')))).toMatchObject({ status: 403 })
  expect((await status(bearer('operators'))).status).toBe(200)
  expect((await ask(program, 'a', {}, bearer('operators'))).status).toBe(401)
})
