import { describe, expect, it } from 'vitest'
import type { AnyStateMachine, AnyStateNode } from 'xstate'
import { createActor, waitFor } from 'xstate'
import {
  backendMachine,
  defaultBackendSettings,
  fleetMachine,
  patientPolicy,
  poolMachine,
} from '../../../machines/index.ts'
import { leafOf, threeModels } from './backend-play.ts'

function nodesOf(machine: AnyStateMachine): AnyStateNode[] {
  const nodes: AnyStateNode[] = []
  const walk = (node: AnyStateNode) => {
    nodes.push(node)
    for (const child of Object.values(node.states) as AnyStateNode[]) walk(child)
  }
  walk(machine.root)
  return nodes
}

const charts: [string, AnyStateMachine][] = [
  ['backend', backendMachine],
  ['fleet', fleetMachine],
  ['pool', poolMachine],
]

describe.each(charts)('the chart of a %s', (_, machine) => {
  const nodes = nodesOf(machine)
  const effects = nodes.flatMap((node) => node.invoke.map((invoke) => ({ node, invoke })))

  it('has effects', () => {
    expect(effects.length).toBeGreaterThan(0)
  })

  it('has no effect whose error would end the actor', () => {
    const without = effects.filter(({ invoke }) => invoke.onError === undefined)
    expect(without.map(({ node }) => node.id)).toEqual([])
  })

  it('has no state that waits for an effect without a deadline', () => {
    const without = effects.filter(
      ({ node, invoke }) => invoke.onDone !== undefined && node.after.length === 0,
    )
    expect(without.map(({ node }) => node.id)).toEqual([])
  })

  it('has only effects that are named, so that a driver can fill them in', () => {
    const { actors } = machine.implementations
    expect(
      effects.filter(({ invoke }) => !(typeof invoke.src === 'string' && invoke.src in actors)),
    ).toEqual([])
  })

  it('has only guards that are named in the vocabulary', () => {
    const transitions = nodes.flatMap((node) =>
      [...node.transitions.values(), node.always ?? []].flat(),
    )
    const inline = transitions.filter(({ guard }) => typeof guard === 'function')
    expect(inline.map(({ source, eventType }) => `${source.id}: ${eventType}`)).toEqual([])
  })
})

describe('a chart without its effects', () => {
  it('says so by failing the start, and does not end in an error', async () => {
    const actor = createActor(backendMachine, {
      input: {
        backend: 'gpu',
        settings: defaultBackendSettings,
        policy: patientPolicy,
        now: () => 0,
        models: threeModels,
        observed: { found: 'nothing' },
      },
    })
    actor.start()
    actor.send({
      type: 'demand changed',
      demand: {
        openFor: undefined,
        leases: 0,
        waiting: [{ model: 'a', count: 1, oldestAt: 0, weight: 1, meanAt: 0, owed: 0 }],
      },
    })
    const { context, status, value } = await waitFor(actor, ({ context }) =>
      Boolean(context.failures['a']),
    )
    expect(context.failures['a']?.message).toContain('must be provided by a driver')
    expect(status).toBe('active')
    expect(leafOf(value)).toMatch(/^idle/)
    actor.stop()
  })
})
