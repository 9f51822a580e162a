import { expect, test } from 'vitest'
import { ask, contentOf, refusalOf, stream } from './conversation.ts'
import { enters, says } from './log-lines.ts'
import { simulating } from './models.ts'
import { startProgram } from './program.ts'

test('a stream whose backend dies breaks for the client, and the next request works', async () => {
  const program = await startProgram({ models: { a: simulating({ dieAfterChunks: 20 }) } })
  const long = stream(program, 'a', 100)
  await expect(long.done).rejects.toThrow()
  expect(long.tokens).toBeGreaterThan(0)
  expect(long.tokens).toBeLessThan(100)
  await program.waitForLog(says('a was lost: the process exited with code 1'))
  await program.waitForLog(({ code }) => code === 'backend_died')

  expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
  expect(program.started()).toHaveLength(2)
})

test('a backend that died while nobody asks stays down', async () => {
  const program = await startProgram()
  await ask(program, 'a')
  process.kill(program.started()[0]?.pid as number, 'SIGKILL')
  await program.waitForLog(enters('cold'))
  const { state, generation, leases } = await program.backend()
  expect({ state, generation, leases }).toEqual({ state: 'cold', generation: 1, leases: 0 })
})

test('who waits while the backend dies is served by the next process', async () => {
  const program = await startProgram({
    models: { a: { ...simulating({ dieAfterChunks: 40, itl: '10ms' }), maxInFlight: 1 } },
  })
  const long = stream(program, 'a', 500)
  await long.begun
  const waits = Array.from({ length: 8 }, () => ask(program, 'a'))
  await program.untilBackend(({ waiting }) => waiting[0]?.count === 8)
  await expect(long.done).rejects.toThrow()
  for (const answer of await Promise.all(waits)) {
    expect(await contentOf(answer)).toBe('[a] you said: hi')
  }
  expect(program.started()).toHaveLength(2)
})

test('a request that was sent, and whose backend dies before it answers, gets a clear 502', async () => {
  const program = await startProgram({ models: { a: simulating({ hangRequests: true }) } })
  const asked = ask(program, 'a')
  await program.untilBackend(({ leases }) => leases === 1)
  process.kill(program.started()[0]?.pid as number, 'SIGKILL')
  const refusal = await refusalOf(await asked)
  expect(refusal).toMatchObject({ status: 502, code: 'backend_unreachable' })
  expect(refusal.message).toContain('vllm')
  await program.untilBackend(({ state }) => state === 'cold')
})

test('a backend that dies while it drains for another model makes room for it', async () => {
  const program = await startProgram({
    models: { a: simulating({ dieAfterChunks: 60, itl: '10ms' }), b: {} },
    flags: ['--max-wait', '100ms'],
  })
  const long = stream(program, 'a', 500)
  await long.begun
  const asked = ask(program, 'b')
  await program.waitForLog(enters('switchingModel.draining'))
  await expect(long.done).rejects.toThrow()
  expect(await contentOf(await asked)).toBe('[b] you said: hi')
  // It may have been told to end in the moment it died.
  await program.waitForLog(({ msg, code }) => msg.startsWith('ended ') && code === 1)
})
