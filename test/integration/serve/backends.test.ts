import { expect, test } from 'vitest'
import { ask, contentOf, openai, refusalOf, stream, waitedMs } from './conversation.ts'
import { simulating } from './models.ts'
import { startProgram } from './program.ts'

const two = {
  backends: [
    { name: 'gpu0', gpus: '0', models: ['a'] },
    { name: 'gpu1', gpus: '1', models: ['b'] },
  ],
}

test('two backends with GPUs of their own serve two models at once', async () => {
  const slow = simulating({ itl: '10ms' })
  const program = await startProgram({ models: { a: slow, b: slow }, config: two })
  await Promise.all([ask(program, 'a'), ask(program, 'b')])
  const streams = ['a', 'b'].map((model) => stream(program, model, 200))
  await Promise.all(streams.map(({ begun }) => begun))
  expect(await program.backend('gpu0')).toMatchObject({ model: 'a', leases: 1 })
  expect(await program.backend('gpu1')).toMatchObject({ model: 'b', leases: 1 })
  for (const { done } of streams) expect(await done).toMatchObject({ tokens: 200 })
  for (const model of ['a', 'b', 'a', 'b']) {
    const answer = await ask(program, model)
    expect(waitedMs(answer)).toBe(0)
    expect(await contentOf(answer)).toBe(`[${model}] you said: hi`)
  }
  expect(program.started()).toHaveLength(2)
})

test('a model that is known, but that no backend may serve, is refused with a reason', async () => {
  const program = await startProgram({ models: { a: {}, b: {}, c: {} }, config: two })
  const refusal = await refusalOf(await ask(program, 'c'))
  expect(refusal).toMatchObject({ status: 404, code: 'model_not_found' })
  expect(refusal.message).toContain('no backend may serve it')
  expect(program.started()).toEqual([])
})

test('who waits at a backend that finds its GPU taken moves to the one that can switch', async () => {
  const program = await startProgram({
    config: { backends: [{ name: 'one' }, { name: 'other' }] },
    mayRunOutOfMemory: true,
  })
  expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
  expect(await contentOf(await ask(program, 'b'))).toBe('[b] you said: hi')
  expect(await program.backend('one')).toMatchObject({ model: 'b' })
  expect(await program.backend('other')).toMatchObject({
    failures: [{ model: 'b', reason: 'out_of_memory' }],
  })
})

test('an operator stops one backend and the other goes on', async () => {
  const program = await startProgram({ config: two })
  await openai(program).models.list()
  await Promise.all([ask(program, 'a'), ask(program, 'b')])
  await program.operate('operations/stop', { backend: 'gpu0', hold: true })
  await program.untilBackend(({ state }) => state === 'cold', 'gpu0')
  expect(await refusalOf(await ask(program, 'a'))).toMatchObject({ code: 'backend_held' })
  expect(waitedMs(await ask(program, 'b'))).toBe(0)
})
