import { describe, expect, it } from 'vitest'
import type { SnapshotFrom } from 'xstate'
import { getShortestPaths } from 'xstate/graph'
import { leaves, type Leaf } from '../../../docs/chart-table.ts'
import {
  backendMachine,
  defaultBackendSettings,
  patientPolicy,
  type BackendEvent,
  type BackendInput,
  type BackendSettings,
  type Models,
  type Waiting,
} from '../../../machines/index.ts'
import { BackendPlay, leafOf, model, type Effect } from './backend-play.ts'

type Snapshot = SnapshotFrom<typeof backendMachine>
/** An event of the chart, or the answer of an effect, or a deadline of a state. */
type Step = BackendEvent | { type: `xstate.${string}`; output?: unknown; error?: unknown }

// Time stands still for the graph, so that its states are finite: what waited maxWait did so before,
// and a backoff never ends.
const now = 1_000_000
const settings: BackendSettings = {
  ...defaultBackendSettings,
  maxWaitMs: 1e9,
  backoffMs: 1e12,
  maxBackoffMs: 1e12,
}
const both: Models = { a: model('a'), b: model('b') }
const catalogues: Models[] = [
  both,
  { ...both, a: model('a', { revision: '2' }) },
  { b: model('b') },
]
const input: BackendInput = {
  backend: 'gpu',
  settings,
  policy: patientPolicy,
  now: () => now,
  models: both,
  observed: { found: 'nothing' },
}

const waits = (name: string, oldestAt: number): Waiting[] => [
  { model: name, count: 1, oldestAt, weight: 1, meanAt: oldestAt, owed: 0 },
]
const waiting: Waiting[][] = [[], waits('a', now), waits('b', now), waits('b', now - 1e9)]

const quiet = { running: 0, waiting: 0 }
const failure = { error: new Error('it broke') }
const started = { endpoints: [], revision: '1' }

const done = (id: string, output?: unknown): Step => ({ type: `xstate.done.actor.0.${id}`, output })
const error = (id: string): Step => ({ type: `xstate.error.actor.0.${id}`, ...failure })
const after = (delay: string, id: string): Step => ({ type: `xstate.after.${delay}.${id}` })

/** What can become of the effects and timers of each state. */
const answers: Record<Leaf, readonly Step[]> = {
  cold: [],
  creatingResources: [
    done('backend.creatingResources'),
    error('backend.creatingResources'),
    after('resources deadline', 'backend.creatingResources'),
  ],
  scalingUp: [
    done('backend.scalingUp', started),
    error('backend.scalingUp'),
    after('start deadline', 'backend.scalingUp'),
  ],
  'ready.serving': [
    error('backend.ready'),
    { type: 'xstate.error.actor.1.backend.ready', ...failure },
  ],
  'ready.quiet': [after('idle timeout', 'backend.ready.quiet')],
  'switchingModel.draining': [
    done('backend.switchingModel.draining'),
    error('backend.switchingModel.draining'),
    after('drain deadline', 'backend.switchingModel.draining'),
  ],
  'switchingModel.unloading': [
    done('backend.switchingModel.unloading'),
    error('backend.switchingModel.unloading'),
    after('unload deadline', 'backend.switchingModel.unloading'),
  ],
  'switchingModel.unloadingFailed': [
    after('pause before trying again', 'backend.switchingModel.unloadingFailed'),
  ],
  'idle.rechecking': [
    done('backend.idle.rechecking', quiet),
    done('backend.idle.rechecking', { running: 1, waiting: 0 }),
    error('backend.idle.rechecking'),
    after('recheck deadline', 'backend.idle.rechecking'),
  ],
  'idle.draining': [
    done('backend.idle.draining'),
    error('backend.idle.draining'),
    after('drain deadline', 'backend.idle.draining'),
  ],
  'idle.scalingDown': [
    done('backend.idle.scalingDown'),
    error('backend.idle.scalingDown'),
    after('unload deadline', 'backend.idle.scalingDown'),
  ],
  'idle.scalingDownFailed': [after('pause before trying again', 'backend.idle.scalingDownFailed')],
}

function leaf({ value }: Snapshot): Leaf {
  return leafOf(value) as Leaf
}

function stepsFrom(snapshot: Snapshot): Step[] {
  const { generation, models } = snapshot.context
  const open = snapshot.matches('ready')
  const events: BackendEvent[] = [
    ...catalogues.map((each): BackendEvent => ({ type: 'catalogue changed', models: each })),
    { type: 'operator starts' },
    ...Object.keys(models).map((name): BackendEvent => ({ type: 'operator starts', model: name })),
    { type: 'operator stops', hold: false },
    { type: 'operator stops', hold: true },
    { type: 'replica lost', lost: { message: 'gone', replaced: true } },
    { type: 'replica lost', lost: { message: 'gone', replaced: false } },
    { type: 'reconsider' },
  ]
  for (const who of waiting) {
    for (const leases of open || leaf(snapshot).endsWith('draining') ? [0, 1] : [0]) {
      events.push({
        type: 'demand changed',
        demand: { openFor: open ? generation : undefined, leases, waiting: who },
      })
    }
  }
  return [...events, ...answers[leaf(snapshot)]]
}

/** All of it that decides what comes next; generations and times are left out, as they only grow. */
function essence(snapshot: Snapshot): string {
  const { context } = snapshot
  const { demand, generation, models, failures } = context
  return JSON.stringify([
    leaf(snapshot),
    context.model && `${context.model.name}@${context.model.revision}`,
    context.target,
    context.wish,
    context.down,
    context.held,
    demand.openFor === generation,
    demand.leases,
    demand.waiting.map((each) => each.model + each.oldestAt),
    Object.values(models).map(({ name, revision }) => `${name}@${revision}`),
    Object.keys(failures),
  ])
}

const effects: Partial<Record<Leaf, Effect>> = {
  creatingResources: 'ensure resources',
  scalingUp: 'bring replicas up',
  'switchingModel.draining': 'drain leases',
  'switchingModel.unloading': 'take replicas down',
  'idle.rechecking': 'ask the engine',
  'idle.draining': 'drain leases',
  'idle.scalingDown': 'take replicas down',
}

const delays: Record<string, number> = {
  'resources deadline': settings.resourcesDeadlineMs,
  'start deadline': 600_000,
  'idle timeout': 30_000,
  'drain deadline': settings.drainDeadlineMs,
  'unload deadline': settings.unloadDeadlineMs,
  'recheck deadline': settings.recheckDeadlineMs,
  'pause before trying again': 1_000,
}

/** On a real actor an effect answers and a clock moves, where the graph has their events. */
async function take(play: BackendPlay, step: Step): Promise<void> {
  const effect = effects[play.state as Leaf]
  const delay = /^xstate\.after\.([^.]+)\./.exec(step.type)?.[1]
  if (delay !== undefined) await play.pass(delays[delay]!)
  else if (step.type.startsWith('xstate.done') && effect) {
    await play.end(effect, 'output' in step ? step.output : undefined)
  } else if (step.type.startsWith('xstate.error') && effect) {
    await play.fail(effect, failure.error)
  } else {
    play.actor.send(step as BackendEvent)
    await play.pass(0)
  }
}

describe('the shortest paths through the chart', () => {
  const paths = getShortestPaths(backendMachine, {
    input,
    events: (snapshot) => stepsFrom(snapshot) as BackendEvent[],
    serializeState: (snapshot) => essence(snapshot),
  })

  it('reach every state', () => {
    const reached = new Set(paths.map(({ state }) => leaf(state)))
    expect([...reached].toSorted()).toEqual([...leaves].toSorted())
  })

  it('end on a real actor where the graph says', async () => {
    expect(paths.length).toBeGreaterThan(100)
    for (const { state, steps } of paths) {
      const play = new BackendPlay({ models: both, settings, gate: false })
      // The first step is the chart's own beginning.
      for (const { event } of steps) {
        if ((event.type as string) !== 'xstate.init') await take(play, event)
      }
      const way = steps.map(({ event }) => JSON.stringify(event)).join('\n')
      expect(essence(play.actor.getSnapshot()), way).toBe(essence(state))
      expect(play.status).toBe('active')
      expect(play.violations, way).toEqual([])
      play.actor.stop()
    }
  }, 300_000)
})
