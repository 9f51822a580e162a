import { describe, expect, it } from 'vitest'
import { leaves } from '../../../docs/chart-table.ts'
import { newPlay, type BackendPlay } from './backend-play.ts'
import { drained, reach } from './reach.ts'

/** The world does what it is asked until nothing is asked any more. */
async function carryOn(play: BackendPlay): Promise<void> {
  for (let step = 0; step < 20; step++) {
    if (play.running('drain leases').length > 0 && play.state.endsWith('draining')) {
      await drained(play)
    } else if (play.state.startsWith('idle.rechecking')) {
      await play.end('ask the engine', { running: 0, waiting: 0 })
    } else if (play.state.endsWith('Failed')) {
      await play.pass(1_000)
    } else if (play.state === 'creatingResources') {
      await play.end('ensure resources')
    } else if (play.state === 'scalingUp') {
      await play.end('bring replicas up', play.started())
    } else if (/unloading|scalingDown/.test(play.state)) {
      await play.end('take replicas down')
    } else return
  }
}

describe('an operator who holds a backend', () => {
  it.each(leaves)('in %s has it cold in the end, and cold it stays until started', async (leaf) => {
    const play = newPlay()
    await reach(play, leaf)
    await play.stop({ hold: true })
    expect(play.facted('held')).toHaveLength(1)
    await carryOn(play)
    expect(play.state).toBe('cold')
    await play.wait('a')
    await play.wait('b')
    await play.change('a', { revision: '2' })
    expect(play.state).toBe('cold')
    await play.start()
    expect(play.state).toBe('creatingResources')
  })

  it('does not free it by a second stop without hold', async () => {
    const play = newPlay()
    await play.stop({ hold: true })
    await play.stop()
    await play.wait('a')
    expect(play.state).toBe('cold')
  })
})

describe('an operator who stops a backend', () => {
  it.each(leaves)('in %s has it cold, and the next request wakes it', async (leaf) => {
    const play = newPlay()
    await reach(play, leaf)
    await play.leave()
    await play.stop()
    await carryOn(play)
    expect(play.state).toBe('cold')
    await play.wait('c')
    expect(play.context.model?.name).toBe('c')
  })

  it('takes back what an operator wished before', async () => {
    const play = newPlay()
    await reach(play, 'idle.scalingDown')
    await play.start('b')
    await play.stop()
    await play.end('take replicas down')
    expect(play.state).toBe('cold')
  })

  it('cuts nothing that is in flight', async () => {
    const play = newPlay()
    await reach(play, 'idle.draining')
    await play.pass(1_000)
    expect(play.running('take replicas down')).toEqual([])
  })

  it('may take it back during the drain', async () => {
    const play = newPlay()
    await reach(play, 'idle.draining')
    await play.start()
    expect(play.state).toBe('ready.serving')
    expect(play.context.wish).toBeUndefined()
  })
})

describe('an operator who starts a model', () => {
  it.each(leaves)('in %s gets it in the end, though nobody waits for it', async (leaf) => {
    const play = newPlay()
    await reach(play, leaf)
    await play.start('c')
    await carryOn(play)
    // Who waited for b is still there, and has a right to come after.
    expect(play.openings.map(({ model }) => model)).toContain('c')
    expect(play.context.wish).toBeUndefined()
  })

  it.each(leaves)('in %s gets it before anything else is loaded', async (leaf) => {
    const play = newPlay()
    await reach(play, leaf)
    const before = play.ordered.length
    await play.start('c')
    await carryOn(play)
    expect(play.ordered[before]).toBe('c')
  })

  it('that is loaded already changes nothing, and leaves no wish behind', async () => {
    const play = newPlay()
    await reach(play, 'ready.quiet')
    await play.start('a')
    expect(play.context.wish).toBeUndefined()
    await play.wait('b')
    expect(play.context.target).toBe('b')
  })

  it('that is loaded still, while it drains for a switch, is not loaded again after the switch', async () => {
    const play = newPlay()
    await reach(play, 'switchingModel.draining')
    await play.start('a')
    await carryOn(play)
    expect(play.ordered).toEqual(['a', 'b'])
    expect(play.state).toBe('ready.serving')
  })

  it('and then another gets the last one', async () => {
    const play = newPlay()
    await reach(play, 'ready.serving')
    await play.start('b')
    await play.start('c')
    await carryOn(play)
    expect(play.ordered).toEqual(['a', 'c'])
  })

  it('that is removed before its turn loses the wish', async () => {
    const play = newPlay()
    await reach(play, 'switchingModel.unloading')
    await play.leave()
    await play.start('c')
    await play.remove('c')
    await play.end('take replicas down')
    expect(play.state).toBe('cold')
    expect(play.context.wish).toBeUndefined()
  })
})

describe('an operator who starts a backend and names no model', () => {
  it('does not undo a switch under way', async () => {
    const play = newPlay()
    await reach(play, 'switchingModel.draining')
    await play.start()
    await carryOn(play)
    expect(play.ordered).toEqual(['a', 'b'])
    expect(play.context.model?.name).toBe('b')
  })

  it('brings back what is just going down', async () => {
    const play = newPlay()
    await reach(play, 'idle.scalingDown')
    await play.start()
    await carryOn(play)
    expect(play.ordered).toEqual(['a', 'a'])
  })

  it('keeps what is being rechecked, without unloading it', async () => {
    const play = newPlay()
    await reach(play, 'idle.rechecking')
    await play.start()
    expect(play.state).toBe('ready.quiet')
    expect(play.context.wish).toBeUndefined()
    expect(play.ordered).toEqual(['a'])
  })

  it('wakes nothing when it is cold and nobody waits', async () => {
    const play = newPlay()
    await play.start()
    expect(play.state).toBe('cold')
  })
})
