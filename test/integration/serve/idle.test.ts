import { expect, test } from 'vitest'
import { ask, contentOf, stream, waitedMs } from './conversation.ts'
import { enters, until } from './log-lines.ts'
import { simulating } from './models.ts'
import { livingOf } from './processes.ts'
import { startProgram } from './program.ts'

test('a stream longer than the idle timeout is not cut; after it the GPU is given back (defect 3)', async () => {
  const program = await startProgram({
    models: { a: simulating({ itl: '10ms' }) },
    flags: ['--idle-timeout', '200ms'],
  })
  const long = stream(program, 'a', 100)
  expect(await long.done).toMatchObject({ tokens: 100, finish: 'length' })
  const idle = program.log.all.filter(enters('idle'))
  expect(idle, 'it went idle under a stream').toEqual([])

  await program.waitForLog(enters('cold'))
  expect(await livingOf(program.runId)).toEqual([program.pid])
  expect(await program.backend()).toMatchObject({ state: 'cold', endpoints: [] })

  const again = await ask(program, 'a')
  expect(waitedMs(again)).toBeGreaterThan(0)
  expect(await contentOf(again)).toBe('[a] you said: hi')
  expect(program.started()).toHaveLength(2)
})

test('probes and listings keep no model awake (defect 6)', async () => {
  const program = await startProgram({ flags: ['--idle-timeout', '500ms'] })
  await ask(program, 'a')
  const paths = ['/health', '/readyz', '/v1/models', '/metrics', '/proxy/status', '/v1/models/a']
  await until(async () => {
    await Promise.all(paths.map((path) => fetch(program.url + path)))
    await ask(program, 'unknown')
    return (await program.backend()).state === 'cold'
  })
})

test('a request that comes while the model goes down is served by a new start', async () => {
  const program = await startProgram({
    models: { a: simulating({ slowStop: '1s' }) },
    flags: ['--idle-timeout', '100ms'],
  })
  await ask(program, 'a')
  await program.waitForLog(enters('idle.scalingDown'))
  expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
  expect(program.started()).toHaveLength(2)
})

test('requests at the very moment of going idle are all served', async () => {
  const program = await startProgram({ flags: ['--idle-timeout', '20ms'] })
  for (let round = 0; round < 12; round++) {
    await program.untilBackend(({ state }) => state !== 'ready.serving')
    expect(await contentOf(await ask(program, 'a'))).toBe('[a] you said: hi')
  }
})

test("a model's own idle timeout goes before the general one, and 0 keeps it loaded", async () => {
  const program = await startProgram({
    models: { a: { idleTimeout: '100ms' }, b: { idleTimeout: '0' } },
  })
  await ask(program, 'a')
  await program.waitForLog(enters('cold'))
  await ask(program, 'b')
  const from = program.log.all.length
  await program.untilBackend(({ state }) => state === 'ready.quiet')
  await program.models.write('b', { idleTimeout: '50ms' })
  await program.waitForLog(enters('cold'), from)
})
