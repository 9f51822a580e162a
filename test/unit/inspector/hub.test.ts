import type { StatelyInspectionEvent } from '@statelyai/inspect'
import { expect, it } from 'vitest'
import { Hub } from '../../../src/inspector/hub.ts'

function event(type: string, sessionId: string, fields: object = {}): StatelyInspectionEvent {
  const snapshot = { status: 'active' }
  return { type, sessionId, snapshot, ...fields } as unknown as StatelyInspectionEvent
}

/** What it was sent, as `type session value`. */
function viewer() {
  const seen: string[] = []
  const send = (message: string) => {
    const { type, sessionId, snapshot } = JSON.parse(message)
    seen.push([type.replace('@xstate.', ''), sessionId, snapshot?.value].filter(Boolean).join(' '))
  }
  return { seen, send }
}

const at = (value: string, status = 'active') => ({ snapshot: { status, value } })

it('hands a late viewer who lives, with its last snapshot, parents first', () => {
  const hub = new Hub()
  hub.send(event('@xstate.actor', 'fleet'))
  hub.send(event('@xstate.actor', 'backend'))
  hub.send(event('@xstate.snapshot', 'fleet', at('supervising')))
  hub.send(event('@xstate.snapshot', 'backend', at('cold')))
  hub.send(event('@xstate.event', 'backend'))
  hub.send(event('@xstate.snapshot', 'backend', at('ready')))
  const late = viewer()
  hub.join(late)
  expect(late.seen).toEqual([
    'actor fleet',
    'snapshot fleet supervising',
    'actor backend',
    'snapshot backend ready',
  ])
})

it('forgets who has ended, so that nothing grows', () => {
  const hub = new Hub()
  for (const status of ['done', 'error', 'stopped']) {
    hub.send(event('@xstate.actor', status))
    hub.send(event('@xstate.snapshot', status, at('over', status)))
    hub.send(event('@xstate.snapshot', status, at('late')))
  }
  // Told only when it had ended already.
  hub.send(event('@xstate.actor', 'quick', at('over', 'done')))
  const late = viewer()
  hub.join(late)
  expect(late.seen).toEqual([])
})

it('tells all viewers what happens, until they leave', () => {
  const hub = new Hub()
  const [one, other] = [viewer(), viewer()]
  hub.join(one)
  const leave = hub.join(other)
  hub.send(event('@xstate.event', 'a'))
  leave()
  hub.send(event('@xstate.event', 'b'))
  expect(one.seen).toEqual(['event a', 'event b'])
  expect(other.seen).toEqual(['event a'])
})
