import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { ask, contentOf, stream } from './conversation.ts'
import { threeOnTwoGpus as pool } from './mixed-traffic.ts'
import { newFolder, startProgram, startServing } from './program.ts'

const models = { a: {}, b: {}, c: {} }
const loads = '--load-time 150ms --itl 10ms'

// Each simulator locks its GPUs, and `startProgram` fails a test in which two met on one.

test('three backends share two GPUs: the least recently used that nobody uses makes room', async () => {
  const program = await startProgram({ models, config: pool, simulate: loads })
  for (const model of ['a', 'b', 'a', 'c']) {
    expect(await contentOf(await ask(program, model))).toBe(`[${model}] you said: hi`)
  }
  expect(program.started().map(({ model }) => model)).toEqual(['a', 'b', 'c'])
  expect(await program.backend('of-b')).toMatchObject({ state: 'cold' })
  expect(await program.backend('of-a')).toMatchObject({ model: 'a' })
  expect(await program.backend('of-c')).toMatchObject({ pool: { name: 'main', gpus: 1 } })
})

test('who waits for GPUs is told whom for, and gets one once maxWait is over; no stream is cut', async () => {
  const program = await startProgram({
    models,
    config: { ...pool, maxWait: '300ms' },
    simulate: loads,
  })
  const streams = ['a', 'b'].map((model) => stream(program, model, 120))
  await Promise.all(streams.map(({ begun }) => begun))
  const third = ask(program, 'c')
  const { progress } = await program.untilBackend((it) => it.progress !== undefined, 'of-c')
  expect(progress).toMatchObject({ phase: 'gpus' })
  expect(progress?.detail).toBe(
    'waiting for 1 GPU of pool main: of-a (busy with 1 request), of-b (busy with 1 request)',
  )
  expect(await contentOf(await third)).toBe('[c] you said: hi')
  for (const { done } of streams) expect(await done).toMatchObject({ tokens: 120 })
})

test('mixed traffic on a pool loses nothing, and no GPU holds two', async () => {
  const program = await startProgram({
    models: { ...models, d: {} },
    config: {
      ...pool,
      maxWait: '500ms',
      backends: [...pool.backends, { name: 'of-d', pool: 'main', gpus: 2, models: ['d'] }],
    },
    simulate: loads,
  })
  const until = performance.now() + 12_000
  const counts = new Map<string, number>()
  const client = async (at: number) => {
    for (let turn = at; performance.now() < until; turn++) {
      const model = 'abacabda'[turn % 8]!
      const { done } = stream(program, model, 5 + (turn % 20))
      expect(await done).toMatchObject({ tokens: 5 + (turn % 20) })
      counts.set(model, (counts.get(model) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: 8 }, (_, at) => client(at)))
  expect([...counts.keys()].sort()).toEqual(['a', 'b', 'c', 'd'])
}, 60_000)

test('the example of a pool runs as it says', async () => {
  const file = fileURLToPath(new URL('../../../examples/pool/vllm-chill.yaml', import.meta.url))
  const folder = await newFolder()
  const program = await startServing(
    ['--config', file, '--port', '0', '--log-format', 'json', '--state-dir', folder],
    { HOME: folder },
  )
  expect((await program.status()).backends.map(({ name, pool: its }) => [name, its?.gpus])).toEqual(
    [
      ['coder', 1],
      ['reasoner', 1],
      ['big', 2],
    ],
  )
})
