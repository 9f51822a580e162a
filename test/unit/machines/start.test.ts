import { describe, expect, it } from 'vitest'
import { StartError } from '../../../machines/index.ts'
import { model, newPlay, threeModels, type BackendPlay } from './backend-play.ts'
import { reach } from './reach.ts'

/** One start of a that fails, and the way back to cold. */
async function failOnce(play: BackendPlay): Promise<void> {
  await play.wait('a')
  await play.end('ensure resources')
  await play.fail('bring replicas up', new Error('it broke'))
  await play.leave('a')
  await play.end('take replicas down')
}

describe('a cold start', () => {
  it('begins when somebody waits, and passes through creatingResources and scalingUp to ready', async () => {
    const play = newPlay()
    expect(play.state).toBe('cold')
    await play.wait('a')
    await play.load()
    expect(play.path.map(({ state }) => state)).toEqual([
      'cold',
      'creatingResources',
      'scalingUp',
      'ready.serving',
    ])
    expect(play.openings).toEqual([{ model: 'a', generation: 1 }])
  })

  it('is ordered once, however many come while it is under way', async () => {
    const play = newPlay()
    for (let count = 1; count < 50; count++) await play.wait('a', { count })
    await play.load()
    expect(play.ordered).toEqual(['a'])
    expect(play.leases).toBe(49)
  })

  it('tells how long it took, and remembers it as what this model costs', async () => {
    const play = newPlay()
    await reach(play, 'scalingUp')
    await play.pass(40_000)
    await play.end('bring replicas up', play.started())
    expect(play.facted('ready')).toEqual([
      { type: 'ready', backend: 'gpu', model: 'a', generation: 1, loadMs: 40_000 },
    ])
    expect(play.context.costs).toEqual({ a: 40_000 })
  })

  it('lets a later measured cost count for two fifths', async () => {
    const play = newPlay()
    await reach(play, 'scalingUp')
    await play.pass(40_000)
    await play.end('bring replicas up', play.started())
    await play.wait('a')
    await play.loseReplica({ replaced: true })
    await play.pass(10_000)
    await play.end('bring replicas up', play.started())
    expect(play.context.costs).toEqual({ a: 28_000 })
  })

  it('says how far it is, and forgets that at the next start', async () => {
    const play = newPlay()
    await reach(play, 'scalingUp')
    play.running('bring replicas up')[0]?.onPhase?.('loading')
    expect(play.context.phase).toBe('loading')
    await play.stop()
    await play.leave()
    await play.end('take replicas down')
    await play.wait('b')
    expect(play.context.phase).toBeUndefined()
  })

  it('goes on when its waiters have all left, and then has its full idle timeout', async () => {
    const play = newPlay()
    await reach(play, 'scalingUp')
    await play.leave('a')
    await play.pass(50_000)
    await play.end('bring replicas up', play.started())
    await play.pass(29_999)
    expect(play.state).toBe('ready.quiet')
    await play.pass(1)
    expect(play.state).toBe('idle.rechecking')
  })

  it('is followed by a reload when what really runs is of another manifest', async () => {
    const play = newPlay()
    await reach(play, 'scalingUp')
    await play.end('bring replicas up', play.started('0'))
    expect(play.state).toBe('switchingModel.draining')
    expect(play.because).toBe('a: its manifest changed')
    expect(play.openings).toEqual([])
  })

  it('does not begin for a model that nobody knows', async () => {
    const play = newPlay()
    await play.wait('x')
    expect(play.state).toBe('cold')
    await play.catalogue({ ...threeModels, x: model('x') })
    expect(play.state).toBe('creatingResources')
  })
})

describe('a start that fails', () => {
  it('frees the GPU, and tells the reason that the driver gave', async () => {
    const play = newPlay()
    await reach(play, 'scalingUp')
    const failure = { reason: 'exited', message: 'exited with code 3', log: ['boom'] } as const
    await play.fail('bring replicas up', new StartError(failure))
    expect(play.state).toBe('idle.scalingDown')
    expect(play.running('take replicas down')).toHaveLength(1)
    expect(play.facted('start failed')).toEqual([
      {
        type: 'start failed',
        backend: 'gpu',
        failure: { ...failure, model: 'a', attempts: 1, at: play.now, retryAt: play.now + 1_000 },
      },
    ])
  })

  it.each([
    ['an error of another kind', new Error('ENOSPC'), 'ENOSPC'],
    ['something that is no error', 'what', 'what'],
  ])('has reason unknown for %s', async (_, thrown, message) => {
    const play = newPlay()
    await reach(play, 'creatingResources')
    await play.fail('ensure resources', thrown)
    expect(play.context.failures['a']).toMatchObject({ reason: 'unknown', message })
  })

  it('says at the start deadline how long it was given and what it was at', async () => {
    const play = newPlay()
    await reach(play, 'creatingResources')
    await play.pass(50_000)
    await play.end('ensure resources')
    play.running('bring replicas up')[0]?.onPhase?.('loading')
    // The deadline counts from the first byte of work on the start, not from this state.
    await play.pass(549_999)
    expect(play.state).toBe('scalingUp')
    await play.pass(1)
    expect(play.context.failures['a']).toMatchObject({
      reason: 'deadline',
      message: 'not ready after 600 s (last phase: loading)',
    })
    expect(play.calls.find(({ effect }) => effect === 'bring replicas up')?.signal.aborted).toBe(
      true,
    )
  })

  it('says at the resources deadline that the resources were not there', async () => {
    const play = newPlay({ settings: { resourcesDeadlineMs: 5_000 } })
    await reach(play, 'creatingResources')
    await play.pass(5_000)
    expect(play.context.failures['a']).toMatchObject({
      reason: 'deadline',
      message: 'the resources were not there after 5 s',
    })
  })

  it('is remembered and doubles its pause, up to the longest', async () => {
    const play = newPlay({ settings: { backoffMs: 1_000, maxBackoffMs: 6_000 } })
    const pauses: number[] = []
    for (let attempt = 1; attempt <= 5; attempt++) {
      await failOnce(play)
      const failure = play.context.failures['a']!
      expect(failure.attempts).toBe(attempt)
      pauses.push(failure.retryAt - play.now)
      await play.pass(failure.retryAt - play.now)
    }
    expect(pauses).toEqual([1_000, 2_000, 4_000, 6_000, 6_000])
  })

  it('is not tried again before its pause is over, and not after it while nobody waits', async () => {
    const play = newPlay()
    await failOnce(play)
    await play.wait('a')
    expect(play.state).toBe('cold')
    await play.leave('a')
    await play.pass(1_000_000)
    expect(play.state).toBe('cold')
    await play.wait('a')
    expect(play.state).toBe('creatingResources')
  })

  it('lets another model that waits have the GPU at once', async () => {
    const play = newPlay()
    await reach(play, 'scalingUp')
    await play.wait('b')
    await play.fail('bring replicas up')
    await play.end('take replicas down')
    expect(play.state).toBe('creatingResources')
    expect(play.context.model?.name).toBe('b')
  })

  it('is forgotten once the model starts', async () => {
    const play = newPlay()
    await failOnce(play)
    await play.pass(1_000)
    await reach(play, 'ready.serving')
    expect(play.context.failures).toEqual({})
  })

  it('is forgotten when the manifest changes, and only then', async () => {
    const play = newPlay()
    await failOnce(play)
    await play.change('b', { revision: '2' })
    await play.change('a', { priority: 7 })
    expect(play.context.failures).toHaveProperty('a')
    await play.change('a', { revision: '2' })
    expect(play.context.failures).toEqual({})
    await play.wait('a')
    expect(play.state).toBe('creatingResources')
  })

  it('is forgotten with its model', async () => {
    const play = newPlay()
    await failOnce(play)
    await play.remove('a')
    expect(play.context.failures).toEqual({})
  })

  it('is forgotten when an operator starts that model, and no other', async () => {
    const play = newPlay()
    await failOnce(play)
    await play.start('b')
    expect(play.context.failures).toHaveProperty('a')
    await play.start('a')
    expect(play.context.failures).toEqual({})
  })

  it('takes an operator’s wish with it: nothing is tried for ever', async () => {
    const play = newPlay()
    await play.start('a')
    await play.fail('ensure resources')
    await play.end('take replicas down')
    await play.pass(1_000_000)
    expect(play.state).toBe('cold')
    expect(play.context.wish).toBeUndefined()
  })
})

describe('a start that is called off', () => {
  it.each(['creatingResources', 'scalingUp'] as const)(
    'by the removal of its model in %s frees the GPU and starts nothing',
    async (leaf) => {
      const play = newPlay()
      await reach(play, leaf)
      await play.remove('a')
      expect(play.state).toBe('idle.scalingDown')
      await play.end('take replicas down')
      expect(play.state).toBe('cold')
      expect(play.facted('start failed')).toEqual([])
    },
  )

  it.each(['creatingResources', 'scalingUp'] as const)(
    'by a changed manifest in %s begins again with the new one, when the old is gone',
    async (leaf) => {
      const play = newPlay()
      await reach(play, leaf)
      await play.change('a', { revision: '2' })
      expect(play.state).toBe('switchingModel.unloading')
      await play.end('take replicas down')
      expect(play.state).toBe('creatingResources')
      expect(play.context.model?.revision).toBe('2')
      expect(play.context.generation).toBe(2)
    },
  )

  it('by a changed manifest begins again even when nobody waits any more', async () => {
    const play = newPlay()
    await reach(play, 'scalingUp')
    await play.leave()
    await play.change('a', { revision: '2' })
    await play.end('take replicas down')
    expect(play.state).toBe('creatingResources')
  })

  it('by an operator who wants another model does not load what would be thrown away', async () => {
    const play = newPlay()
    await reach(play, 'scalingUp')
    await play.start('c')
    await play.end('take replicas down')
    await play.load()
    expect(play.ordered).toEqual(['a', 'c'])
    expect(play.openings.map(({ model }) => model)).toEqual(['c'])
  })
})

describe('an answer that comes late', () => {
  it('of a start that was given up changes nothing', async () => {
    const play = newPlay()
    await reach(play, 'scalingUp')
    const [late] = play.running('bring replicas up')
    await play.pass(600_000)
    await play.leave('a')
    await play.wait('b')
    await play.end('take replicas down')
    await play.end('ensure resources')
    const before = play.context
    late?.onPhase?.('image')
    late?.resolve({ endpoints: [], revision: '1' })
    await play.pass(0)
    expect(play.state).toBe('scalingUp')
    expect(play.context).toEqual(before)
  })

  it('of a failed start that was given up is no failure of the present one', async () => {
    const play = newPlay()
    await reach(play, 'scalingUp')
    const [late] = play.running('bring replicas up')
    await play.change('a', { revision: '2' })
    await play.end('take replicas down')
    await play.end('ensure resources')
    late?.reject(new Error('it was killed'))
    await play.pass(0)
    expect(play.state).toBe('scalingUp')
    expect(play.context.failures).toEqual({})
  })

  it('of an unload that was asked for again does not end the second one', async () => {
    const play = newPlay()
    await reach(play, 'idle.scalingDown')
    const [late] = play.running('take replicas down')
    await play.pass(play.settings.unloadDeadlineMs)
    late?.resolve()
    await play.pass(0)
    expect(play.state).toBe('idle.scalingDown')
  })
})
