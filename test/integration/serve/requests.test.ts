import { expect, test } from 'vitest'
import type { CancelAnswer, HistoryAnswer, RequestsAnswer } from '../../../src/operations/index.ts'
import { ask, refusalOf, stream } from './conversation.ts'
import { simulating } from './models.ts'
import { startProgram, type Program } from './program.ts'

const slow = { a: simulating({ itl: '10ms' }), b: {} }

async function read<T>({ url }: Program, path: string): Promise<T> {
  return (await (await fetch(`${url}/proxy/${path}`)).json()) as T
}

test('operators see who is answered and who waits, and cancel either', async () => {
  const program = await startProgram({ models: slow, flags: ['--switch-policy', 'patient'] })
  const long = stream(program, 'a', 2_000)
  await long.begun
  const waiting = ask(program, 'b', {}, { headers: { 'x-request-id': 'patient' } })
  await program.untilBackend((backend) => backend.waiting.length === 1)

  const { inFlight, waiting: line, counts } = await read<RequestsAnswer>(program, 'requests')
  expect(counts).toEqual({ inFlight: 1, waiting: 1 })
  expect(inFlight).toMatchObject([
    { id: expect.any(String), model: 'a', path: '/v1/chat/completions', backend: 'vllm' },
  ])
  expect(line).toMatchObject([
    { id: 'patient', model: 'b', path: '/v1/chat/completions', bytes: expect.any(Number) },
  ])

  const cancelled = await program.operate('requests/cancel', { id: 'patient' })
  expect(cancelled.status).toBe(202)
  expect((await cancelled.json()) as CancelAnswer).toMatchObject({ id: 'patient', cancelled: 1 })
  expect(await refusalOf(await waiting)).toMatchObject({
    status: 503,
    code: 'cancelled',
    shouldRetry: 'false',
  })

  const { id } = inFlight[0]!
  const ended = expect(long.done).rejects.toMatchObject({ code: 'cancelled' })
  expect((await program.operate('requests/cancel', { id })).status).toBe(202)
  await ended
  expect(long.tokens).toBeLessThan(2_000)
  await program.untilBackend((backend) => backend.leases === 0)
  expect(await refusalOf(await program.operate('requests/cancel', { id }))).toMatchObject({
    status: 404,
    code: 'not_found',
  })
  expect(await read(program, 'requests')).toMatchObject({ inFlight: [], waiting: [] })
})

test('what was is told: which model was where, and who waited for it', async () => {
  const program = await startProgram()
  const since = new Date().toISOString()
  const untilQuiet = () => program.untilBackend(({ state }) => state === 'ready.quiet')
  await Promise.all([ask(program, 'a'), ask(program, 'a')])
  await untilQuiet()
  await ask(program, 'b')
  await untilQuiet()
  const { backends, waits } = await read<HistoryAnswer>(program, 'history')
  expect(backends).toMatchObject([{ backend: 'vllm' }])
  const { spans } = backends[0]!
  expect(spans.map(({ state, model }) => `${state} ${model ?? '-'}`)).toEqual([
    'cold -',
    'creatingResources a',
    'scalingUp a',
    'ready.serving a',
    'ready.quiet a',
    'switchingModel.draining a',
    'switchingModel.unloading a',
    'creatingResources b',
    'scalingUp b',
    'ready.serving b',
    'ready.quiet b',
  ])
  for (const [index, { from }] of spans.slice(1).entries()) expect(spans[index]!.to).toBe(from)
  expect(spans.at(-1)!.to).toBeNull()
  expect(waits).toMatchObject([
    { model: 'a', peak: 2, to: expect.any(String) },
    { model: 'b', peak: 1, to: expect.any(String) },
  ])
  const later = await read<HistoryAnswer>(program, `history?since=${new Date().toISOString()}`)
  expect(later.backends[0]?.spans).toMatchObject([{ state: 'ready.quiet', model: 'b', to: null }])
  expect(later.waits).toEqual([])
  expect(Date.parse(later.since)).toBeGreaterThan(Date.parse(since))
  expect((await fetch(`${program.url}/proxy/history?since=yesterday`)).status).toBe(400)
})

test('the GPU time is among the numbers', async () => {
  const program = await startProgram()
  await ask(program, 'a')
  await program.untilBackend(({ state }) => state === 'ready.quiet')
  const { gpu } = await read<{ gpu: Record<string, unknown> }>(program, 'stats')
  expect(gpu).toMatchObject({
    heldSeconds: expect.any(Number),
    savedSeconds: expect.any(Number),
    backends: [{ backend: 'vllm', servingSeconds: expect.any(Number) }],
  })
  expect(gpu['heldSeconds']).toBeGreaterThan(0)
})

test('a manifest is shown with its defaults, and without its secrets', async () => {
  const spec = { env: { HF_TOKEN: 'hf_secret' }, extraArgs: ['--api-key', 'hf_secret'] }
  const program = await startProgram({ models: { a: { ...spec, aliases: ['other'] } } })
  const shown = await read<object>(program, 'models/manifest?model=other')
  expect(shown).toMatchObject({
    model: 'a',
    source: expect.stringContaining('a.yaml'),
    manifest: { kind: 'VLLMModel', metadata: { name: 'a' }, spec: { maxModelLen: 32_768 } },
  })
  expect(JSON.stringify(shown)).not.toContain('hf_secret')
  expect((await fetch(`${program.url}/proxy/models/manifest?model=nobody`)).status).toBe(404)
  expect((await fetch(`${program.url}/proxy/models/manifest`)).status).toBe(400)
})
