import type { StatelyInspectionEvent } from '@statelyai/inspect'
import { expect, it } from 'vitest'
import { reduced } from '../../../src/inspector/reduced.ts'

const common = {
  rootId: 'x:0',
  sessionId: 'x:1',
  createdAt: '0',
  id: null,
  _version: '0.7.2',
}

function event(fields: object): StatelyInspectionEvent {
  return { ...common, ...fields } as unknown as StatelyInspectionEvent
}

it('shows of a context what is listed, and nothing that a backend wrote', () => {
  const snapshot = {
    status: 'active',
    value: 'cold',
    children: { effect: {} },
    input: { secret: 1 },
    output: 'secret',
    error: new Error('secret'),
    context: {
      backend: 'gpu0',
      generation: 2,
      model: { name: 'a', revision: 'secret' },
      because: 'the start failed: exit code 1: secret\nsecret',
      phaseDetail: 'secret',
      endpoints: [{ url: 'secret' }],
      demand: { leases: 1, waiting: [{ model: 'b', count: 2, oldestAt: 5 }] },
      failures: { a: { reason: 'exited', attempts: 3, message: 'secret', log: ['secret'] } },
      addedLater: 'secret',
    },
  }
  const init = { type: 'xstate.init', input: { secret: 1 } }
  const told = reduced(event({ type: '@xstate.snapshot', snapshot, event: init }))
  expect(told).toEqual({
    ...common,
    type: '@xstate.snapshot',
    event: { type: 'xstate.init' },
    snapshot: {
      status: 'active',
      value: 'cold',
      context: {
        backend: 'gpu0',
        generation: 2,
        model: 'a',
        because: 'the start failed',
        demand: { leases: 1, waiting: [{ model: 'b', count: 2 }] },
        failures: { a: { reason: 'exited', attempts: 3 } },
      },
    },
  })
  expect(reduced(event({ type: '@xstate.actor', snapshot }))).toMatchObject({
    snapshot: { value: 'cold' },
  })
})

it.each([
  [{ type: 'phase reached', phase: 'image', detail: 'secret', generation: 1 }],
  [{ type: 'replica lost', lost: { message: 'killed: secret', replaced: false } }],
  [{ type: 'xstate.error.actor.0.backend.scalingUp', error: new Error('secret') }],
  [{ type: 'xstate.done.actor.0.backend.scalingUp', output: { endpoints: ['secret'] } }],
  [{ type: 'world seen', sight: { leads: true, refusals: { a: { message: 'secret' } } } }],
  [{ type: 'constructor', secret: 1 }],
])('shows of an event its type and what is listed: %j', (happened) => {
  const told = reduced(event({ type: '@xstate.event', event: happened }))
  expect(told).toMatchObject({ event: { type: happened.type } })
  expect(JSON.stringify(told)).not.toContain('secret')
})
