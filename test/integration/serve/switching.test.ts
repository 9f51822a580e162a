import { expect, test } from 'vitest'
import { ask, contentOf, saying, stream } from './conversation.ts'
import { enters } from './log-lines.ts'
import { simulating } from './models.ts'
import { startProgram, type Program } from './program.ts'

test('a running stream is not cut by a switch, and whoever waited is answered after it (defects 3, 4, 8)', async () => {
  const program = await startProgram({
    models: { a: simulating({ itl: '10ms' }), b: {} },
    flags: ['--max-wait', '200ms'],
  })
  const long = stream(program, 'a', 150)
  await long.begun
  const ended: string[] = []
  const asked = ask(program, 'b').then((answer) => {
    ended.push('b')
    return contentOf(answer)
  })
  const streamed = long.done.then((whole) => {
    ended.push('a')
    return whole
  })
  // The wait for B is over, and the stream of A is what it is now waiting for.
  await program.waitForLog(enters('switchingModel.draining', 'a'))
  expect((await program.backend()).blocking).toMatchObject([{ model: 'a' }])
  expect(long.tokens).toBeLessThan(150)

  expect(await streamed).toMatchObject({ tokens: 150, finish: 'length' })
  expect(await asked).toBe('[b] you said: hi')
  expect(ended).toEqual(['a', 'b'])
})

test('with somebody waiting for the other model, a busy one goes on until maxWait is over', async () => {
  const program = await startProgram({
    models: { a: simulating({ itl: '10ms' }), b: {} },
    flags: ['--switch-policy', 'patient', '--max-wait', '1m'],
  })
  const first = stream(program, 'a', 50)
  await first.begun
  const waiting = ask(program, 'b')
  await program.untilBackend((backend) => backend.waiting.length === 1)
  const second = stream(program, 'a', 50)
  await second.begun
  expect(await first.done).toMatchObject({ tokens: 50 })
  expect(await second.done).toMatchObject({ tokens: 50 })
  expect(await contentOf(await waiting)).toBe('[b] you said: hi')
  expect(program.started().map(({ model }) => model)).toEqual(['a', 'b'])
})

test('a worker that outlives its leader never meets the next model on the GPU', async () => {
  const program = await startProgram({ simulate: '--worker-linger 1s' })
  for (const model of ['a', 'b', 'a']) {
    expect(await contentOf(await ask(program, model))).toBe(`[${model}] you said: hi`)
  }
})

test('requests for two models in any order are all answered by the model they named (defect 4)', async () => {
  const program = await startProgram({ flags: ['--max-wait', '200ms'] })
  for (let round = 0; round < 3; round++) {
    await Promise.all(Array.from({ length: 60 }, () => askSomeModel(program)))
  }
})

test('clients that each ask one thing after the other, for any model, are all answered rightly', async () => {
  const program = await startProgram({ flags: ['--max-wait', '100ms'] })
  const client = async () => {
    for (let turn = 0; turn < 3; turn++) await askSomeModel(program)
  }
  await Promise.all(Array.from({ length: 12 }, client))
})

let asked = 0

async function askSomeModel(program: Program): Promise<void> {
  const model = Math.random() < 0.5 ? 'a' : 'b'
  const said = `number ${asked++}`
  const answer = await ask(program, model, { messages: saying(said) })
  expect(await contentOf(answer)).toBe(`[${model}] you said: ${said}`)
}

test('a model is pinned by its alias too, and a name that nothing has is told', async () => {
  const program = await startProgram({
    models: { a: { aliases: ['alpha'] }, b: {} },
    config: { pinned: ['alpha', 'nobody'] },
  })
  await program.waitForLog(
    ({ msg }) => msg === 'model nobody is configured, but no manifest names it yet',
  )
  expect((await ask(program, 'a')).status).toBe(200)
  const refused = await ask(program, 'b')
  expect(refused.status).toBe(503)
  expect(await refused.json()).toMatchObject({ error: { code: 'model_pinned' } })
})
