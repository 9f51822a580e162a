import { describe, expect, it } from 'vitest'
import { newPlay } from './backend-play.ts'
import { reach } from './reach.ts'

const cannot = { reason: 'resources', message: 'its image is another one' } as const
const found = {
  found: 'ready',
  model: 'a',
  revision: '1',
  endpoints: [{ url: 'http://a', incarnation: 'a', maxInFlight: 2 }],
} as const

describe('a backend in a world where others act too', () => {
  it('counts the idle timeout from when it leads, not from when it became quiet', async () => {
    const play = newPlay()
    await reach(play, 'ready.quiet')
    await play.see({ leads: false })
    await play.pass(60_000)
    expect(play.state).toBe('ready.quiet')
    await play.see({ leads: true })
    await play.pass(29_999)
    expect(play.state).toBe('ready.quiet')
    await play.pass(1)
    expect(play.state).toBe('idle.rechecking')
  })

  it('serves what another program brings up, and brings up what is waited for once it leads', async () => {
    const play = newPlay()
    await play.see({ leads: false })
    await play.wait('b')
    await play.see({ observed: found })
    expect(play.state).toBe('ready.quiet')
    expect(play.openings.map(({ model }) => model)).toEqual(['a'])
    await play.see({ leads: true })
    await play.end('drain leases')
    await play.end('take replicas down')
    await play.load()
    expect(play.ordered).toEqual(['b'])
  })

  it('continues the start that another program began, with the time it has had', async () => {
    const play = newPlay()
    await play.see({ leads: false })
    await play.see({
      observed: { found: 'starting', model: 'a', revision: '1', elapsedMs: 500_000 },
    })
    expect(play.state).toBe('cold')
    await play.see({ leads: true })
    expect(play.state).toBe('creatingResources')
    await play.end('ensure resources')
    await play.pass(99_999)
    expect(play.state).toBe('scalingUp')
    await play.pass(1)
    expect(play.because).toContain('not ready')
  })

  it('drains nothing for a model that the driver refuses, not even for an operator', async () => {
    const play = newPlay()
    await reach(play, 'ready.quiet')
    await play.see({ refusals: { c: cannot } })
    await play.wait('c')
    await play.start('c')
    expect(play.state).toBe('ready.quiet')
    await play.see({ refusals: {} })
    await play.tell()
    expect(play.state).toBe('switchingModel.draining')
  })

  it('obeys a stop to its end, though it could not act for a while', async () => {
    const play = newPlay()
    await reach(play, 'idle.draining')
    await play.lease(0)
    await play.end('drain leases')
    await play.see({ leads: false })
    expect(play.state).toBe('cold')
    await play.see({ observed: found })
    expect(play.state).toBe('ready.quiet')
    await play.see({ leads: true })
    expect(play.state).toBe('idle.draining')
  })

  it('tells each refusal once', async () => {
    const play = newPlay()
    await play.see({ refusals: { c: cannot } })
    await play.see({ refusals: { c: cannot } })
    await play.see({ refusals: { b: cannot, c: cannot } })
    expect(play.facted('models refused').map(({ models }) => models)).toEqual([['c'], ['b']])
  })
})
