import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { patientPolicy, type SwitchQuestion, type Waiting } from '../../../machines/index.ts'

const maxWaitMs = 60_000
const now = 1_000_000

function ask(question: Partial<SwitchQuestion> = {}) {
  return patientPolicy({
    now,
    loaded: 'a',
    leases: 0,
    waiting: [],
    residentSince: now - 10_000,
    costs: {},
    priorities: {},
    settings: { maxWaitMs },
    ...question,
  })
}

function waits(model: string, forMs: number, owed = 0): Waiting {
  return { model, count: 1, oldestAt: now - forMs, owed }
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
    expect(ask({ leases: 9, waiting })).toEqual(stay)
  })
})

const names = ['a', 'b', 'c', 'd']
const questions: fc.Arbitrary<SwitchQuestion> = fc.record({
  now: fc.constant(now),
  loaded: fc.option(fc.constantFrom(...names), { nil: undefined }),
  leases: fc.nat(2),
  waiting: fc.uniqueArray(
    fc.record({
      model: fc.constantFrom(...names),
      count: fc.integer({ min: 1, max: 5 }),
      oldestAt: fc.integer({ min: now - 2 * maxWaitMs, max: now }),
      owed: fc.nat(3),
    }),
    { selector: ({ model }) => model },
  ),
  residentSince: fc.integer({ min: now - 100_000, max: now }),
  costs: fc.constant({}),
  priorities: fc.dictionary(fc.constantFrom(...names), fc.nat(2)),
  settings: fc.constant({ maxWaitMs }),
})

describe('the patient policy, whatever it is asked', () => {
  const always = (predicate: (question: SwitchQuestion) => void) =>
    fc.assert(fc.property(questions, predicate), { numRuns: 2_000 })

  it('answers the same to the same question, and changes nothing in it', () => {
    always((question) => {
      const before = structuredClone(question)
      expect(patientPolicy(question)).toEqual(patientPolicy(structuredClone(question)))
      expect(question).toEqual(before)
    })
  })

  it('does not depend on the order in which the models are named', () => {
    always((question) => {
      const ages = new Set(question.waiting.map(({ oldestAt }) => oldestAt))
      fc.pre(ages.size === question.waiting.length)
      const reversed = { ...question, waiting: question.waiting.toReversed() }
      expect(patientPolicy(reversed)).toEqual(patientPolicy(question))
    })
  })

  it('never turns to a model that nobody waits for, nor to the loaded one', () => {
    always((question) => {
      const answer = patientPolicy(question)
      if (answer.decision === 'stay') return
      expect(question.waiting.map(({ model }) => model)).toContain(answer.to)
      expect(answer.to).not.toBe(question.loaded)
      expect(answer.why).not.toBe('')
    })
  })

  it('goes by age among the overdue, and by priority then age when there are none', () => {
    always((question) => {
      const answer = patientPolicy(question)
      if (answer.decision === 'stay') return
      const chosen = question.waiting.find(({ model }) => model === answer.to)!
      const others = question.waiting.filter(({ model }) => model !== question.loaded)
      const overdue = others.filter(({ oldestAt }) => now - oldestAt >= maxWaitMs)
      const rank = ({ model }: Waiting) => question.priorities[model] ?? 0
      const better =
        overdue.length > 0
          ? others.filter(({ oldestAt }) => oldestAt < chosen.oldestAt)
          : others.filter(
              (each) =>
                rank(each) > rank(chosen) ||
                (rank(each) === rank(chosen) && each.oldestAt < chosen.oldestAt),
            )
      expect(better).toEqual([])
    })
  })

  it('stays for one of three reasons: nobody else waits, something is owed, or an alarm is set', () => {
    always((question) => {
      const answer = patientPolicy(question)
      if (answer.decision === 'switch') return
      const { loaded, waiting } = question
      const others = waiting.filter(({ model }) => model !== loaded)
      const owed = waiting.find(({ model }) => model === loaded)?.owed ?? 0
      if (others.length === 0) expect(answer).toEqual(stay)
      else if (answer.reconsiderAt === undefined) expect(owed).toBeGreaterThan(0)
      else expect(answer.reconsiderAt).toBeGreaterThan(question.now)
    })
  })

  it('asked again at its alarm, turns, or owes something and needs an event', () => {
    always((question) => {
      const answer = patientPolicy(question)
      if (answer.decision === 'switch' || answer.reconsiderAt === undefined) return
      const early = patientPolicy({ ...question, now: answer.reconsiderAt - 1 })
      expect(early).toEqual(answer)
      const later = patientPolicy({ ...question, now: answer.reconsiderAt })
      const owed = question.waiting.find(({ model }) => model === question.loaded)?.owed ?? 0
      expect(later.decision).toBe(owed > 0 ? 'stay' : 'switch')
    })
  })
})
