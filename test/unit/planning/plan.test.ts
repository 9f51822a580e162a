import { describe, expect, it } from 'vitest'
import {
  plan,
  type Arrival,
  type PlanOptions,
  type PlannedModel,
} from '../../../src/planning/index.ts'

const second = 1_000
const minute = 60 * second

function model(name: string, idleTimeoutMs = 5 * minute): PlannedModel {
  const facts = { name, revision: '1', idleTimeoutMs, startTimeoutMs: 10 * minute, priority: 0 }
  return { facts, maxInFlight: 8, load: { ms: 30 * second, source: 'given' } }
}

/** A request every so often, of the models in turn. */
function inTurn(count: number, everyMs: number, ...models: readonly string[]): Arrival[] {
  return Array.from({ length: count }, (_, i) => ({
    at: i * everyMs,
    model: models[i % models.length]!,
    durationMs: 4 * second,
  }))
}

function planOf(options: Partial<PlanOptions> & Pick<PlanOptions, 'arrivals' | 'models'>) {
  return plan({
    beganAt: undefined,
    timeZone: 'Europe/Berlin',
    loadingWeight: 1,
    gpuWeight: 1,
    present: {
      switchPolicy: 'fair',
      maxWaitMs: minute,
      minResidencyMs: 0,
      backends: 1,
      idleTimeoutMs: {},
    },
    limitMs: minute,
    now: () => 0,
    ...options,
  })
}

describe('a plan', () => {
  const models = [model('a'), model('b')]

  it('says what each policy would have made of the trace, and loses no request', async () => {
    const arrivals = inTurn(60, 10 * second, 'a', 'b')
    const { policies, present, played } = await planOf({ arrivals, models })
    expect(policies.map(({ choices }) => choices.switchPolicy)).toEqual([
      'fair',
      'patient',
      'fifo',
      'sticky',
    ])
    expect(played.requests).toBe(60)
    for (const { waits, byModel } of policies) {
      expect(waits.requests).toBe(60)
      expect(byModel['a']!.requests + byModel['b']!.requests).toBe(60)
    }
    expect(present.servingShare + present.loadingShare + present.idleShare).toBeLessThanOrEqual(1)
  })

  it('suggests a second backend where two models take turns all day, and says what that saves', async () => {
    const { suggestions, suggested, resized, present } = await planOf({
      arrivals: inTurn(120, 10 * second, 'a', 'b'),
      models,
    })
    const backends = suggestions.find(({ setting }) => setting === 'backends')!
    expect(backends).toMatchObject({ present: 1, suggested: 2, why: 'saves' })
    expect(backends.savedMs).toBeGreaterThan(0)
    expect(suggested.choices.backends).toBe(1)
    expect(resized?.choices.backends).toBe(2)
    expect(resized?.costMs).toBeLessThan(present.costMs)
  })

  it('suggests no second backend for one model that is asked now and then, but a shorter stay', async () => {
    const { resized, suggestions } = await planOf({
      arrivals: inTurn(6, 30 * minute, 'a'),
      models: [model('a', 20 * minute)],
    })
    expect(resized).toBeUndefined()
    expect(suggestions.find(({ setting }) => setting === 'idleTimeout')).toMatchObject({
      model: 'a',
      present: 20 * minute,
      suggested: minute,
      why: 'saves',
    })
  })

  it('suggests a longer stay where idle GPUs cost nothing', async () => {
    const { suggestions } = await planOf({
      arrivals: inTurn(6, 10 * minute, 'a'),
      models: [model('a')],
      gpuWeight: 0,
    })
    expect(suggestions.find(({ setting }) => setting === 'idleTimeout')).toMatchObject({
      present: 5 * minute,
      suggested: 15 * minute,
    })
  })

  it('never suggests what lets somebody wait much longer than now', async () => {
    const hot = inTurn(1_500, 2 * second, 'a')
    const rare = inTurn(8, 6 * minute, 'b')
    const arrivals = [...hot, ...rare].sort((x, y) => x.at - y.at)
    const { policies, suggested, present, suggestions } = await planOf({ arrivals, models })
    const sticky = policies.find(({ choices }) => choices.switchPolicy === 'sticky')!
    expect(sticky.waits.longestMs).toBeGreaterThan(2 * present.waits.longestMs)
    expect(suggested.choices.switchPolicy).not.toBe('sticky')
    expect(suggested.waits.longestMs).toBeLessThanOrEqual(1.1 * present.waits.longestMs)
    expect(suggestions.some(({ why }) => why === 'somebody would wait too long')).toBe(true)
  })

  it('suggests to keep a model warm that one must wait for again and again, in the hours it is asked', async () => {
    const { suggestions, suggested, present } = await planOf({
      arrivals: inTurn(12, 20 * minute, 'a'),
      models: [model('a', minute)],
      beganAt: Date.parse('2026-03-02T09:30:00+01:00'),
      gpuWeight: 0,
    })
    expect(suggestions.find(({ setting }) => setting === 'keepWarm')).toMatchObject({
      present: 'none',
      suggested: '[{ model: a, cron: 0 9 * * 1, for: 5h, timeZone: Europe/Berlin }]',
      why: 'saves',
    })
    expect(present.loads).toBe(12)
    expect(suggested.loads).toBe(1)
  })

  it('plays under the settings that are in force and that it does not try', async () => {
    const arrivals = inTurn(600, second, 'a', 'a', 'b')
    const played = async (more: Partial<PlanOptions>) =>
      (await planOf({ arrivals, models, limitMs: -1, ...more })).present
    const usual = await played({})
    const patientOnly = await played({ loadingWeight: 1_000 })
    expect(patientOnly.loads).toBeLessThan(usual.loads)
    const pinned = await played({ settings: { pinned: ['a'] } })
    expect(pinned.loads).toBe(1)
  })

  it('plays with the windows that are in force, also where they overlap', async () => {
    const { present, suggestions } = await planOf({
      arrivals: inTurn(24, 20 * minute, 'a', 'b'),
      models: [model('a', minute), model('b', minute)],
      beganAt: Date.parse('2026-03-02T09:30:00+01:00'),
      keepWarm: [
        { model: 'a', cron: '0 9 * * *', for: '9h', timeZone: 'Europe/Berlin' },
        { model: 'b', cron: '0 9 * * *', for: '3h', timeZone: 'Europe/Berlin' },
      ],
      present: {
        switchPolicy: 'fair',
        maxWaitMs: minute,
        minResidencyMs: 0,
        backends: 2,
        idleTimeoutMs: {},
      },
    })
    // Each once, and b again for each of its requests after noon.
    expect(present.byModel['a']).toMatchObject({ requests: 12, p50Ms: 0 })
    expect(present.loads).toBe(2 + 8)
    // What is suggested stands beside them, so that it can be copied.
    expect(suggestions.find(({ setting }) => setting === 'keepWarm')).toMatchObject({
      present: expect.stringMatching(/^\[\{ model: a, .*\}, \{ model: b, .*\}\]$/),
      best: expect.stringMatching(
        /^\[\{ model: a, .*\}, \{ model: b, .*\}, \{ model: [ab], .*\}\]$/,
      ),
    })
  })

  it('ends at its limit with what it has, and tells how far it is', async () => {
    let now = 0
    const told: string[] = []
    const result = await planOf({
      arrivals: inTurn(10, 10 * second, 'a', 'b'),
      models,
      limitMs: 1,
      now: () => now++,
      onProgress: (done, of, what) => told.push(`${done} of ${of}: ${what}`),
    })
    expect(result.cutShort).toBe(true)
    expect(result.policies).toHaveLength(4)
    expect(told[0]).toBe('0 of 4: switchPolicy fair')
  })

  it('plays of a long trace the busiest stretch', async () => {
    const quiet = inTurn(3_000, 5 * second, 'a')
    const begin = 3_000 * 5 * second
    const busy = inTurn(20_000, second / 2, 'a').map(({ at, ...rest }) =>
      Object.assign(rest, { at: at + begin }),
    )
    const { played, policies } = await planOf({
      arrivals: [...quiet, ...busy],
      models: [model('a')],
      limitMs: -1,
    })
    expect(played).toMatchObject({ requests: 20_000, fromMs: begin })
    expect(policies[0]!.waits.requests).toBe(20_000)
  })
})
