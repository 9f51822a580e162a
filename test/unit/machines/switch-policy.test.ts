import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  fairPolicy,
  fifoPolicy,
  patientPolicy,
  stickyPolicy,
  switchPolicies,
  type SwitchPolicy,
  type SwitchQuestion,
  type SwitchSettings,
  type Waiting,
} from '../../../machines/index.ts'

const maxWaitMs = 60_000
const settings: SwitchSettings = {
  maxWaitMs,
  minResidencyMs: 0,
  maxResidencyMs: 120_000,
  loadingWeight: 1,
  pinned: [],
}
const now = 1_000_000

function askOf(policy: SwitchPolicy, question: Partial<SwitchQuestion> = {}) {
  return policy({
    now,
    loaded: 'a',
    leases: 0,
    waiting: [],
    residentSince: now - 10_000,
    costs: {},
    priorities: {},
    settings,
    ...question,
  })
}

const ask = (question?: Partial<SwitchQuestion>) => askOf(patientPolicy, question)

/** So many that all came at the same time. */
function waits(model: string, forMs: number, owed = 0, count = 1): Waiting {
  return { model, count, oldestAt: now - forMs, weight: count, meanAt: now - forMs, owed }
}

const stay = { decision: 'stay' }
const to = (name: string) => expect.objectContaining({ decision: 'switch', to: name }) as unknown

describe('the patient policy, for a cold backend', () => {
  it('loads nothing while nobody waits', () => {
    expect(ask({ loaded: undefined })).toEqual(stay)
  })

  it('loads what the oldest waits for', () => {
    expect(ask({ loaded: undefined, waiting: [waits('a', 10), waits('b', 20)] })).toEqual(to('b'))
  })

  it('prefers a higher priority to a greater age', () => {
    const waiting = [waits('a', 10), waits('b', 20)]
    expect(ask({ loaded: undefined, waiting, priorities: { a: 1 } })).toEqual(to('a'))
  })

  it('prefers the overdue to any priority, and the oldest of them', () => {
    const waiting = [waits('a', 10), waits('b', maxWaitMs + 1), waits('c', maxWaitMs)]
    expect(ask({ loaded: undefined, waiting, priorities: { a: 9, c: 5 } })).toEqual(to('b'))
  })
})

describe('the patient policy, for a loaded model', () => {
  it('stays for ever while nobody waits for another', () => {
    expect(ask()).toEqual(stay)
    expect(ask({ waiting: [waits('a', maxWaitMs * 9)] })).toEqual(stay)
  })

  it('turns at once when it is not used', () => {
    expect(ask({ waiting: [waits('b', 0)] })).toEqual(to('b'))
  })

  it.each([
    ['a lease is out', { leases: 1, waiting: [waits('b', 20_000)] }],
    ['somebody waits for it', { waiting: [waits('a', 5), waits('b', 20_000)] }],
  ])('stays while %s, and asks again when the other has waited maxWait', (_, question) => {
    expect(ask(question)).toEqual({ ...stay, reconsiderAt: now + maxWaitMs - 20_000 })
  })

  it('turns when another has waited maxWait, whatever its use', () => {
    const waiting = [waits('a', maxWaitMs * 2), waits('b', maxWaitMs)]
    expect(ask({ leases: 9, waiting })).toEqual(to('b'))
  })

  it('first serves what was queued when it was loaded', () => {
    const waiting = [waits('a', 5, 2), waits('b', maxWaitMs * 2)]
    const answer = ask({ leases: 9, waiting })
    expect(answer).toEqual({ ...stay, reconsiderAt: now - 10_000 + settings.maxResidencyMs })
  })

  it('serves it no longer than maxResidency', () => {
    const waiting = [waits('a', 5, 2), waits('b', maxWaitMs * 2)]
    const residentSince = now - settings.maxResidencyMs
    expect(ask({ leases: 9, waiting, residentSince })).toEqual(to('b'))
  })

  it('leaves nobody before minResidency is over, not even one that is not used', () => {
    const patient = { ...settings, minResidencyMs: 25_000 }
    const answer = ask({ waiting: [waits('b', 0)], settings: patient })
    expect(answer).toEqual({ ...stay, reconsiderAt: now + 15_000 })
  })

  it('does not let minResidency break the promise of maxWait', () => {
    const waiting = [waits('b', maxWaitMs)]
    expect(ask({ waiting, settings: { ...settings, minResidencyMs: 25_000 } })).toEqual(to('b'))
  })

  it('never turns from a pinned one', () => {
    const waiting = [waits('b', maxWaitMs * 9)]
    expect(ask({ waiting, settings: { ...settings, pinned: ['a'] } })).toEqual(stay)
  })
})

describe('the fair policy', () => {
  const fair = (question: Partial<SwitchQuestion>) =>
    askOf(fairPolicy, { leases: 1, residentSince: now - 100_000, ...question })
  const costs = { a: 20_000, b: 10_000 }

  it('stays until one who waits has waited as long as the loads there and back take', () => {
    const waiting = [waits('b', 10_000)]
    expect(fair({ costs, waiting })).toEqual({ ...stay, reconsiderAt: now + 20_000 })
    expect(fair({ costs, waiting: [waits('b', 30_000)] })).toEqual(to('b'))
  })

  it('adds up the waiting of all who wait for others', () => {
    const costs = { a: 20_000, b: 10_000, c: 10_000 }
    const waiting = [waits('b', 6_000, 0, 4), waits('c', 3_000, 0, 2)]
    expect(fair({ costs, waiting })).toEqual(to('b'))
  })

  it('counts from the mean of their arrivals, not from the oldest', () => {
    const waiting = [{ ...waits('b', 20_000, 0, 2), meanAt: now - 10_000 }]
    expect(fair({ costs, waiting })).toEqual({ ...stay, reconsiderAt: now + 5_000 })
  })

  it('does not count what was waited before this residence began', () => {
    const question = { costs, waiting: [waits('b', 50_000)], residentSince: now - 5_000 }
    const dueByMaxWait = now - 50_000 + maxWaitMs
    expect(fair(question)).toEqual({ ...stay, reconsiderAt: dueByMaxWait })
  })

  it('lets waiting with priority count double for each step', () => {
    const waiting = [waits('b', 7_500)]
    expect(fair({ costs, waiting, priorities: { b: 2 } })).toEqual(to('b'))
    expect(fair({ costs, waiting, priorities: { b: 1 } })).toMatchObject(stay)
  })

  it('does not lose count over an absurd priority', () => {
    const absurd = {
      priorities: { b: 5_000, c: -5_000 },
      settings: { ...settings, loadingWeight: 0 },
    }
    expect(fair({ costs, waiting: [waits('b', 0), waits('c', 0)], ...absurd })).toEqual(to('b'))
    expect(fair({ costs, waiting: [waits('c', 0)], ...absurd })).toEqual(to('c'))
  })

  it('lets loading count as the setting says', () => {
    const waiting = [waits('b', 30_000)]
    const answer = fair({ costs, waiting, settings: { ...settings, loadingWeight: 2 } })
    expect(answer).toMatchObject(stay)
    const free = fair({
      costs,
      waiting: [waits('b', 0)],
      settings: { ...settings, loadingWeight: 0 },
    })
    expect(free).toEqual(to('b'))
  })

  it('first serves who asked for the loaded model before the turn was due, within maxResidency', () => {
    const due = waits('b', maxWaitMs + 5_000)
    expect(fair({ waiting: [waits('a', 5_001), due] })).toMatchObject(stay)
    expect(fair({ waiting: [waits('a', 5_000), due] })).toEqual(to('b'))
    const residentSince = now - settings.maxResidencyMs
    expect(fair({ waiting: [waits('a', 5_001), due], residentSince })).toEqual(to('b'))
  })

  it('lets the priority of requests count as that of their models', () => {
    const waiting = [{ ...waits('b', 7_500), weight: 4 }]
    expect(fair({ costs, waiting })).toEqual(to('b'))
    expect(fair({ costs, waiting: [{ ...waits('b', 7_500), weight: 2 }] })).toMatchObject(stay)
    const urgent = [waits('b', 10_000), { ...waits('c', 6_000), weight: 2 }]
    expect(fair({ loaded: undefined, waiting: urgent })).toEqual(to('c'))
  })

  it('turns at maxWait, whatever a switch costs', () => {
    const dear = { a: 600_000, b: 600_000 }
    expect(fair({ costs: dear, waiting: [waits('b', maxWaitMs)] })).toEqual(to('b'))
  })

  it('takes the mean of the known for the cost of a model that it never loaded', () => {
    const waiting = [waits('b', 39_999)]
    const answer = fair({ costs: { a: 20_000 }, waiting })
    expect(answer).toEqual({ ...stay, reconsiderAt: now + 1 })
  })

  it('chooses the oldest weighted wait', () => {
    const waiting = [waits('b', 10_000), waits('c', 6_000)]
    expect(fair({ loaded: undefined, waiting })).toEqual(to('b'))
    expect(fair({ loaded: undefined, waiting, priorities: { c: 1 } })).toEqual(to('c'))
  })
})

describe('the policies for comparison', () => {
  it('fifo turns as soon as the oldest wants another model, and not before', () => {
    const busy = { leases: 3, waiting: [waits('a', 5), waits('b', 6)] }
    expect(askOf(fifoPolicy, busy)).toEqual(to('b'))
    expect(askOf(fifoPolicy, { waiting: [waits('a', 7), waits('b', 6)] })).toEqual(stay)
  })

  it('sticky never leaves a model that is used', () => {
    const waiting = [waits('b', maxWaitMs * 9)]
    expect(askOf(stickyPolicy, { leases: 1, waiting })).toEqual(stay)
    expect(askOf(stickyPolicy, { waiting })).toEqual(to('b'))
  })
})

const names = ['a', 'b', 'c', 'd']
const questions: fc.Arbitrary<SwitchQuestion> = fc.record({
  now: fc.constant(now),
  loaded: fc.option(fc.constantFrom(...names), { nil: undefined }),
  leases: fc.nat(2),
  waiting: fc.uniqueArray(
    fc
      .record({
        model: fc.constantFrom(...names),
        count: fc.integer({ min: 1, max: 5 }),
        oldestAt: fc.integer({ min: now - 2 * maxWaitMs, max: now }),
        owed: fc.nat(3),
        spread: fc.double({ min: 0, max: 1, noNaN: true }),
      })
      .map(({ spread, model, count, oldestAt, owed }): Waiting => {
        const meanAt = Math.round(oldestAt + (now - oldestAt) * spread)
        return { model, count, oldestAt, weight: count, meanAt, owed }
      }),
    { selector: ({ model }) => model },
  ),
  residentSince: fc.integer({ min: now - 100_000, max: now }),
  costs: fc.dictionary(fc.constantFrom(...names), fc.integer({ min: 1, max: 100_000 })),
  priorities: fc.dictionary(fc.constantFrom(...names), fc.nat(2)),
  settings: fc.record({
    maxWaitMs: fc.constant(maxWaitMs),
    minResidencyMs: fc.constantFrom(0, 0, 30_000, 90_000),
    maxResidencyMs: fc.constantFrom(1_000, 50_000, 600_000),
    loadingWeight: fc.nat(3),
    pinned: fc.constantFrom([], [], ['a']),
  }),
})

const everyPolicy = Object.entries(switchPolicies)
const boundedPolicies = [
  ['patient', patientPolicy],
  ['fair', fairPolicy],
] as const

function always(predicate: (question: SwitchQuestion) => void): void {
  fc.assert(fc.property(questions, predicate), { numRuns: 2_000 })
}

describe.each(everyPolicy)('the policy %s, whatever it is asked', (_, policy) => {
  it('answers the same to the same question, and changes nothing in it', () => {
    always((question) => {
      const before = structuredClone(question)
      expect(policy(question)).toEqual(policy(structuredClone(question)))
      expect(question).toEqual(before)
    })
  })

  it('does not depend on the order in which the models are named', () => {
    always((question) => {
      const ages = new Set(question.waiting.map(({ oldestAt }) => oldestAt))
      fc.pre(ages.size === question.waiting.length)
      const reversed = { ...question, waiting: question.waiting.toReversed() }
      expect(policy(reversed)).toEqual(policy(question))
    })
  })

  it('never turns to a model that nobody waits for, nor to or from the wrong one', () => {
    always((question) => {
      const answer = policy(question)
      if (answer.decision === 'stay') return
      expect(question.waiting.map(({ model }) => model)).toContain(answer.to)
      expect(answer.to).not.toBe(question.loaded)
      expect(question.settings.pinned).not.toContain(question.loaded)
      expect(answer.why).not.toBe('')
    })
  })

  it('leaves no model before minResidency, unless somebody has waited maxWait', () => {
    always((question) => {
      const answer = policy(question)
      if (answer.decision === 'stay' || question.loaded === undefined) return
      const others = question.waiting.filter(({ model }) => model !== question.loaded)
      const overdue = others.some(({ oldestAt }) => now - oldestAt >= maxWaitMs)
      const residentMs = now - question.residentSince
      expect(overdue || residentMs >= question.settings.minResidencyMs).toBe(true)
    })
  })

  it('sets its alarm for later, and answers the same until then', () => {
    always((question) => {
      const answer = policy(question)
      if (answer.decision === 'switch' || answer.reconsiderAt === undefined) return
      expect(answer.reconsiderAt).toBeGreaterThan(question.now)
      expect(policy({ ...question, now: answer.reconsiderAt - 1 })).toEqual(answer)
    })
  })
})

describe.each(boundedPolicies)('the policy %s, for the promise of maxWait', (name, policy) => {
  const overdueOf = ({ waiting, loaded, now }: SwitchQuestion) =>
    waiting.filter(({ model, oldestAt }) => model !== loaded && now - oldestAt >= maxWaitMs)

  it('goes by age among the overdue, and by weight then age when there are none', () => {
    always((question) => {
      const answer = policy(question)
      if (answer.decision === 'stay') return
      const others = question.waiting.filter(({ model }) => model !== question.loaded)
      const chosen = others.find(({ model }) => model === answer.to)!
      const priority = ({ model }: Waiting) => question.priorities[model] ?? 0
      const rank = (each: Waiting) =>
        name === 'fair' ? 2 ** priority(each) * (now - each.oldestAt + 1) : priority(each)
      const better =
        overdueOf(question).length > 0
          ? others.filter(({ oldestAt }) => oldestAt < chosen.oldestAt)
          : others.filter(
              (each) =>
                rank(each) > rank(chosen) ||
                (rank(each) === rank(chosen) && each.oldestAt < chosen.oldestAt),
            )
      expect(better).toEqual([])
    })
  })

  it('stays with the overdue waiting only for what is pinned, or owed or came before within maxResidency', () => {
    always((question) => {
      const overdue = overdueOf(question)
      if (overdue.length === 0 || policy(question).decision === 'switch') return
      const { loaded = '', waiting, residentSince, settings } = question
      const own = waiting.find(({ model }) => model === loaded)
      const dueAt = Math.min(...overdue.map(({ oldestAt }) => oldestAt)) + settings.maxWaitMs
      const isBefore = policy === fairPolicy && own !== undefined && own.oldestAt < dueAt
      const mayServe =
        ((own?.owed ?? 0) > 0 || isBefore) && now - residentSince < settings.maxResidencyMs
      expect(mayServe || settings.pinned.includes(loaded)).toBe(true)
    })
  })

  it('is never without an alarm that comes before anybody has waited longer', () => {
    always((question) => {
      const answer = policy(question)
      const { waiting, loaded = '', residentSince, settings } = question
      const others = waiting.filter(({ model }) => model !== loaded)
      if (answer.decision === 'switch' || others.length === 0) return
      if (settings.pinned.includes(loaded)) return
      const overdueAt = Math.min(...others.map(({ oldestAt }) => oldestAt)) + maxWaitMs
      const servedAt = residentSince + settings.maxResidencyMs
      expect(answer.reconsiderAt).toBeLessThanOrEqual(Math.max(overdueAt, servedAt))
    })
  })
})
