import { expect, it } from 'vitest'
import type { AnyStateNode } from 'xstate'
import { backendMachine, defaultBackendSettings } from '../../../machines/index.ts'
import { createAdmission, type Transition } from '../../../src/admission/index.ts'
import { SimulatedCatalogue } from './simulated-catalogue.ts'
import { settled, SimulatedClock } from './simulated-clock.ts'
import { SimulatedWorld } from './simulated-world.ts'

async function play() {
  const clock = new SimulatedClock()
  const world = new SimulatedWorld()
  const steps: Transition[] = []
  const fleet = createAdmission({
    driver: world,
    catalogue: new SimulatedCatalogue(['a', 'b']),
    clock,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    settings: {
      hold: true,
      maxHeldPerModel: 10,
      maxHeld: 10,
      maxHeldBytes: 1_000,
      waitDeadlineMs: undefined,
      drainDeadlineMs: 60_000,
      maxWaitMs: 60_000,
      whenPinned: 'refuse',
    },
    backends: [{ name: 'gpu0', models: undefined, settings: defaultBackendSettings }],
    onTransition: (transition) => steps.push(transition),
  })
  await settled()
  const { signal } = new AbortController()
  const ask = (id: string, model: string) =>
    fleet.acquire({ id, model, path: '/v1/completions', bytes: 1, arrivedAt: clock.now() }, signal)
  return { clock, world, fleet, ask, steps }
}

const inShort = ({ from, to, event, edge }: Transition) =>
  `${from} → ${to}: ${event}${edge?.guard === undefined ? '' : ` [${edge.guard}]`}`

/** All that the chart draws, as `source → target: trigger event`. */
function drawn(node: AnyStateNode = backendMachine.root as AnyStateNode): Set<string> {
  const own = [...node.transitions.values(), node.always ?? []].flat()
  const ends = own.flatMap(({ target }) =>
    (target ?? []).map((to) => `${node.path.join('.')} → ${to.path.join('.')}`),
  )
  const inner = Object.values(node.states) as AnyStateNode[]
  return inner.reduce((all, each) => all.union(drawn(each)), new Set(ends))
}

it('tells what moved a backend, and by which arrow of its chart', async () => {
  const { clock, world, fleet, ask, steps } = await play()
  const first = ask('r1', 'a')
  await settled()
  world.finishStart('gpu0')
  const lease = await first
  const other = ask('r2', 'b')
  await settled()
  lease.release()
  await settled()
  world.finishStop('gpu0')
  await settled()
  world.failStart('gpu0')
  await expect(other).rejects.toMatchObject({ code: 'model_failed' })
  world.finishStop('gpu0')
  await settled()
  const again = ask('r3', 'a')
  await settled()
  world.finishStart('gpu0')
  ;(await again).release()
  await clock.pass(3_600_000)
  world.finishStop('gpu0')
  await settled()
  const last = ask('r4', 'a')
  await settled()
  world.finishStart('gpu0')
  await last
  world.die('gpu0')
  await settled()
  fleet.stop({ backend: 'gpu0' })
  expect(steps.map(inShort)).toEqual([
    'cold → creatingResources: demand changed [a model is wanted, and it has its GPUs]',
    'creatingResources → scalingUp: ensure resources is done',
    'scalingUp → ready.serving: bring replicas up is done',
    'ready.serving → switchingModel.draining: demand changed [another turn is due]',
    'switchingModel.draining → switchingModel.unloading: drain leases is done',
    'switchingModel.unloading → creatingResources: take replicas down is done [the target is still wanted]',
    'creatingResources → scalingUp: ensure resources is done',
    'scalingUp → idle.scalingDown: bring replicas up fails',
    'idle.scalingDown → cold: take replicas down is done',
    'cold → creatingResources: demand changed [a model is wanted, and it has its GPUs]',
    'creatingResources → scalingUp: ensure resources is done',
    'scalingUp → ready.serving: bring replicas up is done',
    'ready.serving → ready.quiet: demand changed [the gate is open and no lease is out]',
    'ready.quiet → idle.rechecking: idle timeout [idle has a time]',
    'idle.rechecking → idle.scalingDown: ask the engine is done',
    'idle.scalingDown → cold: take replicas down is done',
    'cold → creatingResources: demand changed [a model is wanted, and it has its GPUs]',
    'creatingResources → scalingUp: ensure resources is done',
    'scalingUp → ready.serving: bring replicas up is done',
    'ready.serving → idle.scalingDown: replica lost',
  ])
  const arrows = drawn()
  for (const { edge } of steps) expect(arrows).toContain(`${edge!.source} → ${edge!.target}`)
  expect(steps[13]?.edge).toEqual({
    source: 'ready.quiet',
    target: 'idle.rechecking',
    trigger: 'after',
    event: 'idle timeout',
    guard: 'idle has a time',
  })
  // What is only a step of every request says of itself why, not why the model was loaded.
  expect(steps[12]?.because).toBe('the gate is open and no lease is out')
  expect(steps[13]?.because).toBe('nobody asked for the idle timeout')
})
