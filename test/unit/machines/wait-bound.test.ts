import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fairPolicy, patientPolicy, type SwitchPolicy } from '../../../machines/index.ts'
import { AutomaticRun, type Durations } from './automatic-world.ts'

const runs = Math.ceil(Number(process.env['PROPERTY_RUNS'] ?? 1_000) / 5)
const names = ['a', 'b', 'c', 'd']

interface Setting {
  readonly models: number
  readonly durations: Durations
  readonly maxWaitMs: number
  readonly maxInFlight: number
  readonly maxHeldPerModel: number
  /** Of the models, in their order. */
  readonly priorities: readonly number[]
}

/**
 * The bound of the policies patient and fair, in ms. One turn is: unload, load, serve what was queued when the
 * model became ready, and drain. Whoever has waited `maxWait` sees at most the rest of the present
 * turn, with those who came to it up to then, and one turn of each other model before its own.
 */
function bound({ models, durations, maxWaitMs, maxInFlight, maxHeldPerModel }: Setting): number {
  const { loadMs, unloadMs, requestMs } = durations
  const servingMs = Math.ceil(maxHeldPerModel / maxInFlight) * requestMs
  const turnMs = unloadMs + loadMs + servingMs + requestMs
  return maxWaitMs + servingMs + models * turnMs
}

const settings: fc.Arbitrary<Setting> = fc.record({
  models: fc.integer({ min: 2, max: 4 }),
  durations: fc.record({
    loadMs: fc.integer({ min: 1, max: 60_000 }),
    unloadMs: fc.integer({ min: 1, max: 10_000 }),
    requestMs: fc.integer({ min: 1, max: 20_000 }),
  }),
  maxWaitMs: fc.constantFrom(1_000, 10_000, 60_000),
  maxInFlight: fc.integer({ min: 1, max: 3 }),
  maxHeldPerModel: fc.integer({ min: 1, max: 8 }),
  priorities: fc.array(fc.nat(2), { minLength: 4, maxLength: 4 }),
})

/** Some clients ask again the moment they are answered, some rarely; each for one model. */
const clients = fc.array(
  fc.record({
    model: fc.nat(3),
    /** Of the longest request, and pause before asking again. */
    lengths: fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), {
      minLength: 1,
      maxLength: 4,
    }),
    pauseMs: fc.constantFrom(0, 0, 10, 3_000, 90_000),
    beginMs: fc.integer({ min: 0, max: 100_000 }),
    requests: fc.integer({ min: 1, max: 12 }),
  }),
  { minLength: 2, maxLength: 10 },
)

function begin(setting: Setting, policy: SwitchPolicy): AutomaticRun {
  const { durations, maxInFlight, maxHeldPerModel, maxWaitMs } = setting
  const models = names.slice(0, setting.models)
  return new AutomaticRun({
    models,
    priorities: Object.fromEntries(models.map((name, i) => [name, setting.priorities[i] ?? 0])),
    durations,
    maxInFlight,
    maxHeldPerModel,
    settings: { maxWaitMs },
    policy,
  })
}

/** Clients that hammer a without a pause, enough to keep it always busy, and one who asks for b once. */
async function hammer(setting: Setting, policy: SwitchPolicy) {
  const run = begin(setting, policy)
  const { requestMs, loadMs } = setting.durations
  const again = () => void run.send('a', requestMs, again)
  for (let client = 0; client < setting.maxInFlight + 2; client++) {
    run.send('a', (requestMs * (client + 1)) / (setting.maxInFlight + 2), again)
  }
  await run.clock.pass(loadMs + requestMs)
  const rare = run.send('b', requestMs)
  await run.clock.pass(bound(setting))
  return { run, rare }
}

const usual: Setting = {
  models: 2,
  durations: { loadMs: 40_000, unloadMs: 5_000, requestMs: 8_000 },
  maxWaitMs: 60_000,
  maxInFlight: 2,
  maxHeldPerModel: 8,
  priorities: [0, 0],
}

describe('waiting for a model', () => {
  // https://github.com/mostlygeek/llama-swap/issues/612
  it('ends for a rare request while others hammer another model without a pause', async () => {
    const { run, rare } = await hammer(usual, patientPolicy)
    expect(rare.outcome).not.toBe('waiting')
    const { maxWaitMs, durations } = usual
    const { requestMs, unloadMs, loadMs } = durations
    // What was owed is long served: maxWait, the drain, and the switch itself are all that is left.
    expect(rare.waitedMs).toBeGreaterThanOrEqual(maxWaitMs)
    expect(rare.waitedMs).toBeLessThanOrEqual(maxWaitMs + requestMs + unloadMs + loadMs + 1)
    expect(run.world.violations).toEqual([])
  })

  it('would not end so with a policy that only turns from what is not used', async () => {
    const { rare } = await hammer(usual, ({ loaded, leases, waiting }) => {
      const other = waiting.find(({ model }) => model !== loaded)
      const used = leases > 0 || waiting.some(({ model }) => model === loaded)
      return other && (loaded === undefined || !used)
        ? { decision: 'switch', to: other.model, why: 'it is free' }
        : { decision: 'stay' }
    })
    expect(rare.outcome).toBe('waiting')
  })

  it('ends sooner with the fair policy, when many wait and a switch is cheap', async () => {
    const cheap = { ...usual, durations: { loadMs: 4_000, unloadMs: 1_000, requestMs: 8_000 } }
    const { rare } = await hammer(cheap, fairPolicy)
    const { requestMs, unloadMs, loadMs } = cheap.durations
    // The loads there and back, those who came up to then, the drain, and the switch itself.
    const limitMs = 2 * loadMs + requestMs + requestMs + unloadMs + loadMs + 1
    expect(rare.waitedMs).toBeLessThanOrEqual(limitMs)
  })

  it.each([
    ['patient', patientPolicy],
    ['fair', fairPolicy],
  ])(
    'is bounded for every model under any steady traffic by %s',
    async (_, policy) => {
      await fc.assert(
        fc.asyncProperty(settings, clients, async (setting, all) => {
          const run = begin(setting, policy)
          for (const { model, lengths, pauseMs, beginMs, requests } of all) {
            const name = names[model % setting.models]!
            let sent = 0
            const next = () => {
              if (sent === requests) return
              const ms = setting.durations.requestMs * lengths[sent % lengths.length]!
              sent++
              // Who is refused (the line is full) comes back after a while, like a client that obeys.
              run.send(name, ms, ({ outcome }) => {
                const pause = outcome === 'refused' ? Math.max(1_000, pauseMs) : pauseMs
                run.clock.setTimeout(next, pause)
              })
            }
            run.clock.setTimeout(next, beginMs)
          }
          const limit = bound(setting)
          await run.clock.pass(200_000 + limit)
          for (const { waitedMs, outcome, arrivedAt } of run.served) {
            const waited = waitedMs ?? run.clock.now() - arrivedAt
            // Two alarms of whole milliseconds may each be one late.
            expect(waited, outcome).toBeLessThanOrEqual(limit + 2)
          }
          expect(run.world.violations).toEqual([])
        }),
        { numRuns: runs },
      )
    },
    300_000,
  )
})
