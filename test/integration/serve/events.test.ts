import { expect, test } from 'vitest'
import { ask, contentOf, saying, stream } from './conversation.ts'
import { simulating } from './models.ts'
import { startProgram } from './program.ts'
import { watch, type Seen } from './watching.ts'

const inShort = (event: Seen): string | undefined => {
  switch (event.type) {
    case 'transition':
      return `${event.from} → ${event.to}: ${event.event}${event.guard ? ` and ${event.guard}` : ''}`
    case 'progress':
      return `progress ${event.phase}`
    case 'fact':
      return `fact ${event.fact.type}`
    case 'admitted':
      return `admitted ${event.id}`
    default:
      return undefined
  }
}

test('a whole cold start is seen in order, with the reason of each step', async () => {
  const program = await startProgram()
  const watcher = await watch(program)
  expect(await contentOf(await ask(program, 'a', {}, { headers: { 'x-request-id': 'one' } }))).toBe(
    '[a] you said: hi',
  )
  await watcher.until((event) => event.type === 'transition' && event.to === 'ready.quiet')
  await watcher.until((event) => event.type === 'finished' && event.id === 'one')
  expect(watcher.seen.slice(0, 2)).toMatchObject([
    { type: 'hello', backends: ['vllm'], missed: false },
    { type: 'snapshot', backend: { name: 'vllm', state: 'cold' } },
  ])
  expect(watcher.seen.flatMap((event) => inShort(event) ?? [])).toEqual([
    'cold → creatingResources: demand changed and a model is wanted, and it has its GPUs',
    'creatingResources → scalingUp: ensure resources is done',
    'progress process',
    'progress loading',
    'fact ready',
    'admitted one',
    'scalingUp → ready.serving: bring replicas up is done',
    'ready.serving → ready.quiet: demand changed and the gate is open and no lease is out',
  ])
})

test('who comes back with Last-Event-ID gets exactly what it missed, then how things are', async () => {
  const program = await startProgram()
  const all = await watch(program)
  const first = await watch(program)
  await ask(program, 'a')
  const had = await first.until((event) => event.type === 'progress')
  first.leave()
  await expect(first.ended).rejects.toThrow()
  await ask(program, 'b')
  const isQuiet = (event: Seen) => event.type === 'transition' && event.to === 'ready.quiet'
  await all.until((event) => isQuiet(event) && 'model' in event && event.model === 'b')
  await all.until((event) => event.type === 'finished' && event.model === 'b')
  const again = await watch(program, '', { 'last-event-id': had.lastEventId })
  const isEvent = ({ type }: Seen) => type !== 'hello' && type !== 'snapshot'
  await again.until(({ type }) => type === 'snapshot')
  const missed = all.seen.filter(isEvent)
  const since = missed.findIndex(({ lastEventId }) => lastEventId === had.lastEventId) + 1
  expect(again.seen.filter(isEvent)).toEqual(missed.slice(since))
  expect(again.seen[0]).toMatchObject({ type: 'hello', missed: false })
  expect(again.seen.at(-1)).toMatchObject({ type: 'snapshot', backend: { model: 'b' } })

  const last = await watch(program, '?last=2&types=transition&follow=false')
  await last.ended
  expect(last.seen.map(({ type }) => type)).toEqual(['hello', 'transition', 'transition'])
  expect(last.seen.at(-1)).toMatchObject({ from: 'ready.serving', to: 'ready.quiet' })
})

test('a failed start is told with its reason, and what is refused for it', async () => {
  const program = await startProgram({ models: { a: simulating({ failLoad: 3 }) } })
  const watcher = await watch(program)
  expect((await ask(program, 'a')).status).toBe(503)
  const refused = await watcher.until(({ type }) => type === 'refused')
  expect(refused).toMatchObject({ model: 'a', code: 'model_failed', status: 503 })
  expect(watcher.seen).toContainEqual(
    expect.objectContaining({
      type: 'fact',
      fact: {
        type: 'start failed',
        backend: 'vllm',
        failure: expect.objectContaining({ model: 'a', reason: 'exited', attempts: 1 }),
      },
    }),
  )
})

test('a snapshot follows each change, and changed manifests are told', async () => {
  const program = await startProgram({
    models: { a: simulating({ loadTime: '600ms', itl: '10ms' }) },
  })
  const watcher = await watch(program)
  const long = stream(program, 'a', 100)
  await watcher.until((event) => event.type === 'snapshot' && event.backend.waiting.length === 1)
  await long.begun
  await watcher.until((event) => event.type === 'snapshot' && event.backend.leases === 1)
  await program.models.write('b')
  await program.models.scribble('c', 'kind: VLLMModel')
  await watcher.until(
    (event) =>
      event.type === 'models' && event.models.join() === 'a,b' && event.problems.length > 0,
  )
  await long.done
  await watcher.until((event) => event.type === 'snapshot' && event.backend.state === 'ready.quiet')
})

test('no prompt is in what is told, and the streams end with a goodbye', async () => {
  const program = await startProgram({ flags: ['--shutdown-delay', '0'] })
  const watcher = await watch(program)
  await ask(program, 'a', { messages: saying('a secret of mine') })
  await watcher.until(({ type }) => type === 'finished')
  program.signal('SIGTERM')
  await watcher.ended
  expect(watcher.seen.at(-1)?.type).toBe('goodbye')
  expect(watcher.seen).toContainEqual(
    expect.objectContaining({ type: 'transition', to: 'cold', because: 'the program stops' }),
  )
  expect(JSON.stringify(watcher.seen)).not.toContain('secret of mine')
  expect(await program.exited).toEqual({ code: 0, signal: null })
})

test('with an operations token, only who shows it reads or cancels', async () => {
  const program = await startProgram({ flags: ['--operations-token', '0123456789abcdef'] })
  const call = (path: string, init: RequestInit = {}) => fetch(`${program.url}/proxy/${path}`, init)
  const paths = [
    'events',
    'requests',
    'history',
    'stats',
    'models/manifest?model=a',
    'backends/logs',
  ]
  const headers = { authorization: 'Bearer 0123456789abcdef' }
  for (const path of paths) {
    expect([path, (await call(path)).status]).toEqual([path, 403])
    const answer = await call(path, { headers })
    expect([path, answer.status]).toEqual([path, 200])
    await answer.body?.cancel()
  }
  const cancel = { method: 'POST', body: '{"id":"x"}' }
  expect((await call('requests/cancel', cancel)).status).toBe(403)
  const json = { ...headers, 'content-type': 'application/json' }
  expect((await call('requests/cancel', { ...cancel, headers: json })).status).toBe(404)
})
