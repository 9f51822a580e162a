import type { Leaf } from '../../../docs/chart-table.ts'
import type { BackendPlay } from './backend-play.ts'

/**
 * Into each state on its usual way: a is what is loaded (or loading, or leaving), b is where a switch
 * leads. In `ready.serving` and the drains one lease is out.
 */
export async function reach(play: BackendPlay, leaf: Leaf): Promise<void> {
  await ways[leaf](play)
  if (play.state !== leaf) throw new Error(`wanted ${leaf}, reached ${play.state}`)
}

const ways: Record<Leaf, (play: BackendPlay) => Promise<void>> = {
  cold: async () => {},
  creatingResources: (play) => play.wait('a'),
  scalingUp: async (play) => {
    await play.wait('a')
    await play.end('ensure resources')
  },
  'ready.serving': async (play) => {
    await play.wait('a')
    await play.load()
  },
  'ready.quiet': async (play) => {
    await ways['ready.serving'](play)
    await play.lease(0)
  },
  'switchingModel.draining': async (play) => {
    await ways['ready.serving'](play)
    await play.wait('b', { oldestAt: play.now - play.settings.maxWaitMs })
  },
  'switchingModel.unloading': async (play) => {
    await ways['switchingModel.draining'](play)
    await drained(play)
  },
  'switchingModel.unloadingFailed': async (play) => {
    await ways['switchingModel.unloading'](play)
    await play.fail('take replicas down')
  },
  'idle.rechecking': async (play) => {
    await ways['ready.quiet'](play)
    await play.pass(play.context.model!.idleTimeoutMs)
  },
  'idle.draining': async (play) => {
    await ways['ready.serving'](play)
    await play.stop()
  },
  'idle.scalingDown': async (play) => {
    await ways['idle.rechecking'](play)
    await play.end('ask the engine', { running: 0, waiting: 0 })
  },
  'idle.scalingDownFailed': async (play) => {
    await ways['idle.scalingDown'](play)
    await play.fail('take replicas down')
  },
}

/** The last lease comes back, and the drain ends. */
export async function drained(play: BackendPlay): Promise<void> {
  await play.lease(0)
  await play.end('drain leases')
}
