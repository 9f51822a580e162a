import { expect, test } from 'vitest'
import { ask, contentOf } from './conversation.ts'
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
    case 'finished':
      return `${event.type} ${event.id}`
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
  await watcher.until((event) => event.type === 'finished')
  expect(watcher.seen.slice(0, 2)).toMatchObject([
    { type: 'hello', backends: ['vllm'], missed: false },
    { type: 'snapshot', backend: { name: 'vllm', state: 'cold' } },
  ])
  expect(watcher.seen.flatMap((event) => inShort(event) ?? [])).toEqual([
    'cold → creatingResources: demand changed and a model is wanted',
    'creatingResources → scalingUp: ensure resources is done',
    'progress process',
    'progress loading',
    'fact ready',
    'admitted one',
    'scalingUp → ready.serving: bring replicas up is done',
    'ready.serving → ready.quiet: demand changed and the gate is open and no lease is out',
    'finished one',
  ])
})
