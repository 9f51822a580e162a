import { describe, expect, it } from 'vitest'
import type { RoomWanted } from '../../../machines/index.ts'
import {
  happenings,
  leaves,
  table,
  type Given,
  type Happening,
  type Leaf,
  type Row,
} from '../../../docs/chart-table.ts'
import { newPlay, model, threeModels, type BackendPlay, type PlayOptions } from './backend-play.ts'
import { drained, reach } from './reach.ts'

interface Preparation {
  readonly options?: PlayOptions
  /** Instead of the usual way into the state. */
  readonly reach?: (play: BackendPlay, leaf: Leaf) => Promise<void>
  readonly afterwards?: (play: BackendPlay) => Promise<void>
}

const endpoints = [{ url: 'http://a', incarnation: 'a', maxInFlight: 2 }]

const neverIdles = { ...threeModels, a: model('a', { idleTimeoutMs: 0 }) }

const cannot = { reason: 'resources', message: 'its image is another one' } as const

const room = (play: BackendPlay, byOperator = false): RoomWanted => ({
  backend: 'gpu1',
  waiting: [{ model: 'x', count: 1, oldestAt: play.now, meanAt: play.now, weight: 1, owed: 0 }],
  priorities: {},
  costs: {},
  byOperator,
})

const byOperator = new WeakSet<BackendPlay>()

const prepare: Record<Given, Preparation> = {
  'it is held': { afterwards: (play) => play.stop({ hold: true }) },
  'that model is in its backoff': {
    reach: async (play, leaf) => {
      await play.wait('c')
      await play.fail('ensure resources')
      await play.leave('c')
      await play.end('take replicas down')
      await reach(play, leaf)
    },
  },
  // What waits at an open gate waits for room; the play's gate has always some, so it is told late.
  'somebody waits for its model': { afterwards: (play) => play.wait('a') },
  'nobody waits any more': { afterwards: (play) => play.leave() },
  'the switch is a reload': {
    reach: async (play, leaf) => {
      await reach(play, 'ready.serving')
      await play.change('a', { revision: '2' })
      if (leaf === 'switchingModel.unloading') await drained(play)
    },
  },
  'the target is not wanted any more': { afterwards: (play) => play.leave('b') },
  'an operator wants another model': { afterwards: (play) => play.start('c') },
  'its model was removed': {
    reach: async (play) => {
      await reach(play, 'ready.serving')
      await play.remove('a')
    },
  },
  'it never idles': { options: { models: neverIdles } },
  'its model is kept warm': { afterwards: (play) => play.keepWarm('a') },
  'another model is kept warm': { afterwards: (play) => play.keepWarm('c') },
  'another model is kept warm, and in its backoff': {
    options: { models: neverIdles, settings: { backoffMs: 1e9, maxBackoffMs: 1e9 } },
    reach: async (play, leaf) => {
      await play.wait('c')
      await play.fail('ensure resources')
      await play.leave('c')
      await play.end('take replicas down')
      await reach(play, leaf)
    },
    afterwards: (play) => play.keepWarm('c'),
  },
  'another model is kept warm, and this one never idles': {
    options: { models: neverIdles },
    afterwards: (play) => play.keepWarm('c'),
  },
  'its model is pinned': { afterwards: (play) => play.pin('a') },
  'its model is pinned, and somebody waits for another model': {
    afterwards: async (play) => {
      await play.pin('a')
      await play.wait('c')
    },
  },
  'cutting is allowed': { options: { settings: { drainDeadlineAction: 'cut' } } },
  'another model has waited maxWait': {
    afterwards: async (play) => {
      await play.wait('c')
      play.clock.set(play.clock.now() + play.settings.maxWaitMs - 1)
    },
  },
  'another model has waited maxWait, but what was queued at the start is still owed': {
    afterwards: async (play) => {
      await play.wait('a', { owed: 1 })
      await play.wait('c')
      play.clock.set(play.clock.now() + play.settings.maxWaitMs - 1)
    },
  },
  'a ready one of a known model is there': {
    options: { observed: { found: 'ready', model: 'a', revision: '1', endpoints } },
  },
  'a ready one of an older manifest is there': {
    options: { observed: { found: 'ready', model: 'a', revision: '0', endpoints } },
  },
  'one that starts a known model is there': {
    options: { observed: { found: 'starting', model: 'a', revision: '1' } },
  },
  'one of an unknown model is there': {
    options: { observed: { found: 'ready', model: 'x', revision: '1', endpoints } },
  },
  'something that is leaving is there': { options: { observed: { found: 'leaving' } } },
  'another program leads': { afterwards: (play) => play.see({ leads: false }) },
  'its GPUs are of a pool': { options: { gpus: 1 } },
  'its GPUs are of a pool, and somebody waits for a model': {
    options: { gpus: 1 },
    afterwards: (play) => play.wait('c'),
  },
  'it makes room': {
    reach: async (play) => {
      await reach(play, 'ready.quiet')
      await play.pool({ type: 'room wanted', room: room(play) })
    },
  },
  'an operator asked for it there': {
    afterwards: async (play) => {
      byOperator.add(play)
    },
  },
  'another program leads, and somebody waits for a model': {
    afterwards: async (play) => {
      await play.see({ leads: false })
      await play.wait('c')
    },
  },
}

const happen: Record<Happening, (play: BackendPlay) => Promise<void>> = {
  'somebody waits for its model': (play) => play.wait('a'),
  'somebody waits for another model': (play) => play.wait('c'),
  'nobody waits any more': (play) => play.leave(),
  'a lease goes out': (play) => play.lease(play.leases + 1),
  'the last lease comes back': (play) => play.lease(0),
  'its manifest changes': (play) => play.change('a', { revision: '2' }),
  'only its idle timeout changes': (play) => play.change('a', { idleTimeoutMs: 45_000 }),
  'its model is removed': (play) => play.remove('a'),
  'the target is removed': (play) => play.remove('b'),
  'another model changes': (play) => play.change('c', { revision: '2' }),
  'its model is to be kept warm': (play) => play.keepWarm('a'),
  'another model is to be kept warm': (play) => play.keepWarm('c'),
  'nothing is to be kept warm any more': (play) => play.keepWarm(undefined),
  'an operator starts it, naming no model': (play) => play.start(),
  'an operator starts its model': (play) => play.start('a'),
  'an operator starts another model': (play) => play.start('c'),
  'an operator stops it': (play) => play.stop(),
  'an operator stops and holds it': (play) => play.stop({ hold: true }),
  'its replica is lost': (play) => play.loseReplica(),
  'its replica is lost, the platform brings another': (play) =>
    play.loseReplica({ replaced: true }),
  'a start phase is reached': async (play) => {
    const { generation } = play.context
    play.actor.send({ type: 'phase reached', phase: 'loading', generation })
  },
  'its model is pinned': (play) => play.pin('a'),
  'nothing is pinned any more': (play) => play.pin(),
  'another program leads': (play) => play.see({ leads: false }),
  'this program leads': (play) => play.see({ leads: true }),
  'others bring up a ready one': (play) =>
    play.see({ observed: { found: 'ready', model: 'a', revision: '1', endpoints } }),
  'others take it down': (play) => play.see({ observed: { found: 'leaving' } }),
  'the driver refuses another model': (play) => play.see({ refusals: { c: cannot } }),
  'the driver refuses the target': (play) => play.see({ refusals: { b: cannot } }),
  'the alarm of the policy rings': async (play) => {
    if (play.context.demand.waiting.length > 0 && play.state === 'ready.serving')
      return play.pass(1)
    play.actor.send({ type: 'reconsider' })
  },
  'its pool gives it GPUs': (play) =>
    play.pool({ type: 'GPUs granted', grant: { number: 1, devices: ['0'] } }),
  'another backend needs its GPUs': (play) =>
    play.pool({ type: 'room wanted', room: room(play, byOperator.has(play)) }),
  'another backend needs its GPUs no more': (play) =>
    play.pool({ type: 'room wanted', room: undefined }),
  'a second copy of another model is wanted': async (play) =>
    play.actor.send({ type: 'copy wanted', model: 'c' }),
  'the program starts': async () => {},
  'the resources are there': (play) => play.end('ensure resources'),
  'the resources fail': (play) => play.fail('ensure resources'),
  'the resources deadline passes': (play) => play.pass(play.settings.resourcesDeadlineMs),
  'its replicas are ready': (play) => play.end('bring replicas up', play.started()),
  'its replicas cannot start': (play) => play.fail('bring replicas up'),
  'the start deadline passes': (play) => play.pass(600_000),
  'the gate cannot be opened': (play) => {
    play.gateFailure = new Error('no gate')
    return play.end('bring replicas up', play.started())
  },
  'its replicas cannot be watched': (play) => {
    play.watchFailure = new Error('no watch')
    return play.end('bring replicas up', play.started())
  },
  // One that is never idled out makes room for what is kept warm after five minutes.
  'the idle timeout passes': (play) =>
    play.pass(play.context.warm && play.context.model?.idleTimeoutMs === 0 ? 300_000 : 30_000),
  'the leases are drained': drained,
  'the drain fails': (play) => play.fail('drain leases'),
  'the drain deadline passes': (play) => play.pass(play.settings.drainDeadlineMs),
  'the replicas are gone': (play) => play.end('take replicas down'),
  'the unload fails': (play) => play.fail('take replicas down'),
  'the unload deadline passes': (play) => play.pass(play.settings.unloadDeadlineMs),
  'a second after a failed unload': (play) => play.pass(1_000),
  'the engine is quiet': (play) => play.end('ask the engine', { running: 0, waiting: 0 }),
  'the engine is at work': (play) => play.end('ask the engine', { running: 0, waiting: 1 }),
  'the engine does not say': (play) => play.end('ask the engine'),
  'asking the engine fails': (play) => play.fail('ask the engine'),
  'the recheck deadline passes': (play) => play.pass(play.settings.recheckDeadlineMs),
}

async function play(row: Row, leaf: Leaf): Promise<void> {
  const {
    options,
    reach: way = reach,
    afterwards,
  }: Preparation = row.given ? prepare[row.given] : {}
  const it = newPlay(options)
  if (row.when === 'the program starts') {
    await it.tell()
  } else {
    await way(it, leaf)
    await afterwards?.(it)
    expect(it.state).toBe(leaf)
  }
  const before = it.because
  const told = it.facts.length
  await happen[row.when](it)

  expect(it.state).toBe(row.outcome === 'noted' ? leaf : row.outcome)
  expect(it.because).toBe(row.because ?? before)
  // What is told while the actor is made, nobody can hear yet.
  if (row.when !== 'the program starts') {
    expect(it.facts.slice(told).map(({ type }) => type)).toEqual(row.tells ?? [])
  }
  expect(it.status).toBe('active')
}

describe('the table of events and states', () => {
  const cases = table.flatMap((row) => row.in.map((leaf) => ({ row, leaf })))

  it.each(
    cases.map(({ row, leaf }) => {
      const given = row.given === undefined ? '' : ` and ${row.given}`
      return [`in ${leaf}, when ${row.when}${given} → ${row.outcome}`, row, leaf] as const
    }),
  )('%s', async (_, row, leaf) => {
    await play(row, leaf)
  })

  it('has one row for each event in each state in which it can happen', () => {
    const said = cases
      .filter(({ row }) => row.given === undefined)
      .map(({ row, leaf }) => `${leaf}: ${row.when}`)
    const expected = Object.entries(happenings).flatMap(([when, where]) =>
      where.map((leaf: Leaf) => `${leaf}: ${when}`),
    )
    expect(said.toSorted()).toEqual(expected.toSorted())
    expect(new Set(said).size).toBe(said.length)
  })

  it('names every state of the chart', () => {
    const found: string[] = []
    const walk = (states: object, prefix: string) => {
      for (const [name, state] of Object.entries(states) as [string, { states: object }][]) {
        if (Object.keys(state.states).length === 0) found.push(prefix + name)
        else walk(state.states, `${prefix}${name}.`)
      }
    }
    walk(newPlay().actor.logic.states, '')
    expect(found.toSorted()).toEqual([...leaves].toSorted())
  })
})
