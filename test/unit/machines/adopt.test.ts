import { describe, expect, it } from 'vitest'
import type { Observed } from '../../../machines/index.ts'
import { newPlay } from './backend-play.ts'

const endpoints = [{ url: 'http://a', incarnation: 'p1', maxInFlight: 2 }]
const ready: Observed = { found: 'ready', model: 'a', revision: '1', endpoints }
const starting: Observed = { found: 'starting', model: 'a', revision: '1' }

describe('a backend found at the start of the program', () => {
  it('ready is adopted: it serves at once, and nothing is started', async () => {
    const play = newPlay({ observed: ready })
    expect(play.openings).toEqual([{ model: 'a', generation: 1 }])
    expect(play.context.endpoints).toEqual(endpoints)
    await play.wait('a')
    expect(play.ordered).toEqual([])
  })

  it('ready and unused goes cold after its idle timeout, and is not adopted twice', async () => {
    const play = newPlay({ observed: ready })
    await play.pass(30_000)
    await play.end('ask the engine', { running: 0, waiting: 0 })
    await play.end('take replicas down')
    expect(play.state).toBe('cold')
  })

  it('ready with an older manifest is reloaded after its drain', async () => {
    const play = newPlay({ observed: { ...ready, revision: '0' } })
    expect(play.state).toBe('switchingModel.draining')
    await play.end('drain leases')
    await play.end('take replicas down')
    expect(play.context.model).toMatchObject({ name: 'a', revision: '1' })
  })

  it('starting is waited for, even though nobody asks yet', async () => {
    const play = newPlay({ observed: starting })
    await play.load()
    expect(play.state).toBe('ready.quiet')
    expect(play.context.generation).toBe(1)
  })

  it('starting with an older manifest is cleared away, and the new one started', async () => {
    const play = newPlay({ observed: { ...starting, revision: '0' } })
    expect(play.state).toBe('switchingModel.unloading')
    await play.end('take replicas down')
    expect(play.context.model?.revision).toBe('1')
  })

  it.each([
    ['leaving', { found: 'leaving' }],
    ['ready with a model that nobody knows', { ...ready, model: 'x' }],
    ['starting a model that nobody knows', { ...starting, model: 'x' }],
  ] satisfies [string, Observed][])(
    '%s is cleared away before anything is started',
    async (_, observed) => {
      const play = newPlay({ observed })
      await play.wait('a')
      expect(play.state).toBe('idle.scalingDown')
      await play.end('take replicas down')
      expect(play.state).toBe('creatingResources')
    },
  )

  it('with nothing in it rests cold', () => {
    expect(newPlay().state).toBe('cold')
  })
})
