import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AutomaticRun } from './automatic-world.ts'

const runs = Math.ceil(Number(process.env['PROPERTY_RUNS'] ?? 1_000) / 5)
const durations = { loadMs: 20_000, unloadMs: 2_000, requestMs: 5_000 }
const settings = { backoffMs: 4_000, maxBackoffMs: 300_000, maxWaitMs: 30_000 }

const asking = fc.array(
  fc.record({ model: fc.constantFrom('good', 'good', 'broken'), afterMs: fc.nat(40_000) }),
  { minLength: 1, maxLength: 60 },
)

/** How often, and when, the good model was given up for the broken one. */
function evictions({ transitions }: AutomaticRun): number[] {
  return transitions
    .filter(({ from, to, because }) => {
      return from.startsWith('ready') && to.startsWith('switching') && because.startsWith('broken:')
    })
    .map(({ at }) => at)
}

/** Failed starts of the broken model, with the end of the backoff that each of them began. */
function failures({ transitions }: AutomaticRun): { at: number; retryAt: number }[] {
  return transitions
    .filter(({ because, to }) => to === 'idle.scalingDown' && /start failed/.test(because))
    .map(({ at }, index) => ({
      at,
      retryAt: at + Math.min(settings.backoffMs * 2 ** index, settings.maxBackoffMs),
    }))
}

describe('a model that cannot start, beside one that works', () => {
  it('is refused at once with the reason while it is backing off, and stops nobody', async () => {
    const run = new AutomaticRun({
      models: ['good', 'broken'],
      durations,
      settings,
      broken: ['broken'],
    })
    run.send('broken', 1_000)
    await run.clock.pass(durations.loadMs)
    expect(run.served[0]).toMatchObject({ outcome: 'refused', error: { code: 'model_failed' } })
    const again = run.send('broken', 1_000)
    await run.clock.pass(0)
    expect(again).toMatchObject({ outcome: 'refused', waitedMs: 0 })
    expect(run.world.began.map(({ model }) => model.name)).toEqual(['broken'])
  })

  it('evicts the good one at most once for each backoff that ended and somebody who asked again', async () => {
    await fc.assert(
      fc.asyncProperty(asking, async (requests) => {
        const run = new AutomaticRun({
          models: ['good', 'broken'],
          durations,
          settings,
          broken: ['broken'],
        })
        for (const { model, afterMs } of requests) {
          await run.clock.pass(afterMs)
          run.send(model, durations.requestMs)
        }
        await run.clock.pass(200_000)

        const failed = failures(run)
        const asked = run.served.filter(({ model }) => model === 'broken')
        // The first try is free; each further one needs an ended backoff and a request after it.
        const expired = failed.filter(({ retryAt }) =>
          asked.some(({ arrivedAt }) => arrivedAt >= retryAt),
        )
        const evicted = evictions(run)
        const first = asked.length > 0 ? 1 : 0
        expect(evicted.length).toBeLessThanOrEqual(first + expired.length)
        for (const at of evicted) {
          const last = failed.findLast((each) => each.at < at)
          if (last) expect(at).toBeGreaterThanOrEqual(last.retryAt)
        }

        // Whoever asked for the good one got it, and whoever asked for the broken one was told why.
        for (const { model, outcome, error } of run.served) {
          if (model === 'good') expect(outcome).toBe('done')
          else expect([outcome, error]).toMatchObject(['refused', { code: 'model_failed' }])
        }
        expect(run.world.violations).toEqual([])
      }),
      { numRuns: runs },
    )
  }, 300_000)

  it('does evict the good one when its backoff is over and somebody asks again', async () => {
    const run = new AutomaticRun({
      models: ['good', 'broken'],
      durations,
      settings,
      broken: ['broken'],
    })
    run.send('good', durations.requestMs)
    await run.clock.pass(26_000)
    run.send('broken', 1_000)
    await run.clock.pass(30_000)
    run.send('good', durations.requestMs)
    await run.clock.pass(30_000)
    run.send('broken', 1_000)
    await run.clock.pass(60_000)
    expect(evictions(run)).toHaveLength(2)
    expect(failures(run)).toHaveLength(2)
  })
})
