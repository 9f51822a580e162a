import { beforeEach, describe, expect, it } from 'vitest'
import type { RememberedFailure, StartPhase } from '../../../machines/index.ts'
import { followStages, type Stages } from '../../../src/tracing/stages.ts'

let now = 0
let stages: Stages
let state: string

beforeEach(() => {
  now = 0
  state = 'cold'
  stages = followStages(() => now)
})

function step(to: string, { model = 'a', target, backend = 'gpu0', after = 0 }: Step = {}): void {
  now += after
  stages.onTransition({
    backend,
    from: state,
    to,
    model,
    target,
    generation: 1,
    event: 'demand changed',
    because: 'somebody waits for it',
    afterMs: after,
  })
  state = to
}

interface Step {
  model?: string
  target?: string
  backend?: string
  after?: number
}

function phase(name: StartPhase, after = 0): void {
  now += after
  stages.onPhase({ backend: 'gpu0', model: 'a', phase: name, elapsedMs: now })
}

/** `drain 0-5` and so on, with the phases behind it. */
const told = (from: number, to: number, model = 'a', backend?: string) =>
  stages.between(from, to, model, backend).map(({ name, from: begin, to: end, phases }) => {
    const parts = phases.map((each) => `${each.name} ${each.from}-${each.to ?? ''}`)
    return [`${name} ${begin}-${end ?? ''}`, ...parts].join(', ')
  })

describe('what a wait waited for', () => {
  it('is the stages of a start, with the phases of scaling up', () => {
    step('creatingResources')
    phase('resources')
    step('scalingUp', { after: 1 })
    phase('scheduling')
    phase('image', 2)
    phase('process', 3)
    phase('loading', 4)
    phase('loading', 1)
    step('ready.serving', { after: 5 })
    expect(told(0, now)).toEqual([
      'create resources 0-1',
      'scale up 1-16, scheduling 1-3, image 3-6, process 6-10, loading 10-16',
    ])
  })

  it('knows a phase that was told just before its step', () => {
    step('creatingResources')
    phase('process', 1)
    step('scalingUp')
    phase('loading', 2)
    expect(told(0, now + 1)).toEqual([
      'create resources 0-1',
      'scale up 1-, process 1-3, loading 3-',
    ])
  })

  it('is also the drain and the unload before it, for whom it is done', () => {
    step('ready.serving')
    step('switchingModel.draining', { target: 'b' })
    step('switchingModel.unloading', { target: 'b', after: 5 })
    step('switchingModel.unloadingFailed', { target: 'b', after: 1 })
    step('creatingResources', { model: 'b', after: 1 })
    expect(told(0, now + 1, 'b')).toEqual(['drain 0-5', 'unload 5-7', 'create resources 7-'])
    expect(told(0, now + 1, 'a')).toEqual([])
    expect(told(0, now + 1, 'a', 'gpu0')).toHaveLength(3)
    expect(told(0, now + 1, 'b', 'gpu1')).toEqual([])
  })

  it('is only what was done meanwhile', () => {
    step('creatingResources')
    step('scalingUp', { after: 10 })
    step('ready.serving', { after: 10 })
    expect(told(12, 15)).toEqual(['scale up 10-20'])
    expect(told(0, 10)).toEqual(['create resources 0-10'])
    expect(told(20, 30)).toEqual([])
  })

  it('says why it came to nothing', () => {
    step('creatingResources')
    step('scalingUp')
    const failure = { reason: 'exited', model: 'a' } as RememberedFailure
    stages.onFact({ type: 'start failed', backend: 'gpu0', failure })
    step('idle.scalingDown', { after: 3 })
    expect(stages.between(0, 9, 'a', undefined).map((each) => [each.name, each.failure])).toEqual([
      ['scale up', 'exited'],
      ['unload', undefined],
    ])
  })

  it('is forgotten after many others', () => {
    for (let i = 0; i < 1000; i++) {
      step('scalingUp', { after: 1 })
      step('idle.scalingDown', { after: 1 })
    }
    expect(told(0, now + 1).length).toBe(50)
  })
})
