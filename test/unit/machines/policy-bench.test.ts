import { beforeAll, describe, expect, it } from 'vitest'
import { defaultBackendSettings } from '../../../machines/index.ts'
import { optimum, type Outcome } from '../../../src/planning/index.ts'
import {
  compareWithOptimum,
  finished,
  playWorkloads,
  waitSeconds,
  type Result,
} from '../../bench/policy/measures.ts'
import { smallInstance } from '../../bench/policy/workloads.ts'

let results: readonly Result[]

beforeAll(async () => {
  results = await playWorkloads()
}, 240_000)

function outcomesOf({ outcomes }: Result): Record<'fair' | 'fifo' | 'sticky', Outcome> {
  const [fair, fifo, sticky] = outcomes
  return { fair: fair!, fifo: fifo!, sticky: sticky! }
}

function named(name: string): Result {
  return results.find(({ workload }) => workload.name === name)!
}

describe('in the bench of the policies', () => {
  it('nothing is ever wrong on the GPU, whatever the policy', () => {
    for (const { outcomes } of results) {
      for (const { violations } of outcomes) expect(violations).toEqual([])
    }
  })

  it('fair keeps its bound in every workload', () => {
    for (const { workload, outcomes } of results) {
      const fair = outcomes.find(({ policy }) => policy === 'fair')!
      const loadMs = Math.max(...Object.values(workload.loadMs))
      const drainMs = Math.max(...workload.arrivals.map(({ durationMs }) => durationMs))
      const turnMs = drainMs + workload.unloadMs + loadMs + defaultBackendSettings.maxResidencyMs
      const models = Object.keys(workload.loadMs).length
      expect(1_000 * waitSeconds(fair, 1)).toBeLessThanOrEqual(workload.maxWaitMs + models * turnMs)
    }
  })

  it('fair lets nobody wait much over maxWait, drain and load where sticky starves for over an hour', () => {
    for (const name of ['one hot, one rare', 'against sticky']) {
      const { fair, sticky } = outcomesOf(named(name))
      expect(waitSeconds(sticky, 1)).toBeGreaterThan(3_600)
      expect(waitSeconds(fair, 1)).toBeLessThan(150)
    }
  })

  it('fair finishes at least 95 % of what sticky finishes on skewed traffic', () => {
    const { fair, sticky } = outcomesOf(named('one hot, one rare'))
    expect(finished(fair)).toBeGreaterThanOrEqual(0.95 * finished(sticky))
  })

  it('fair is nowhere worse than another in both cost and longest wait', () => {
    const worse = results.flatMap((result) => {
      const { fair, fifo, sticky } = outcomesOf(result)
      return [fifo, sticky]
        .filter(
          (other) => fair.costMs > other.costMs && waitSeconds(fair, 1) > waitSeconds(other, 1),
        )
        .map(({ policy }) => `${result.workload.name}: ${policy}`)
    })
    expect(worse).toEqual([])
  })

  it('fair makes at most 35 % of the switches of fifo on alternating bursts', () => {
    const { fair, fifo } = outcomesOf(named('alternating bursts'))
    expect(finished(fair)).toBe(finished(fifo))
    expect(fair.loads).toBeLessThanOrEqual(0.35 * fifo.loads)
  })

  it('fair never loads more often than fifo', () => {
    for (const result of results) {
      const { fair, fifo } = outcomesOf(result)
      expect(fair.loads, result.workload.name).toBeLessThanOrEqual(fifo.loads)
    }
  })

  it('fair costs at most 2.5 times the optimum on each of 500 small instances, and none beats the optimum', async () => {
    const ratios = await compareWithOptimum(500, ['fair'])
    expect(ratios).toHaveLength(500)
    for (const { seed, ratio } of ratios) {
      expect(ratio, `seed ${seed}`).toBeLessThanOrEqual(2.5)
      expect(ratio, `seed ${seed}`).toBeGreaterThan(0.999)
    }
  }, 240_000)
})

describe('the search for the optimum', () => {
  const instance = smallInstance(1)
  const request = { durationMs: 10, model: 'a' }

  it('of one request is its load, waited for and paid', () => {
    const arrivals = [{ ...request, at: 5 }]
    expect(optimum({ ...instance, loadMs: { a: 100 }, arrivals })).toBe(200)
  })

  it('keeps a model for a request that it knows to come, where that is cheaper', () => {
    const workload = { ...instance, unloadMs: 0, loadMs: { a: 100, b: 100 } }
    const arrivals = [
      { ...request, at: 0 },
      { ...request, model: 'b', at: 120 },
      { ...request, at: 130 },
    ]
    // a waits 100, b until 130 + 10 and its load: 120, the last a not at all; two loads.
    expect(optimum({ ...workload, arrivals })).toBe(100 + 120 + 0 + 200)
  })
})
