import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chooseBackend, type BackendView } from '../../../machines/index.ts'

function backend(name: string, facts: Partial<BackendView> = {}): BackendView {
  return {
    name,
    models: undefined,
    heading: 'x',
    cold: false,
    held: false,
    pinned: false,
    failing: () => false,
    load: 0,
    ...facts,
  }
}

function choose(...backends: BackendView[]): [string | undefined, string] {
  const { chosen, because } = chooseBackend('a', backends)
  return [chosen?.name, because]
}

const cold = { heading: undefined, cold: true }

describe('a model goes to', () => {
  it('the backend that has it, rather than to a cold one', () => {
    expect(choose(backend('g1', cold), backend('g2', { heading: 'a', load: 9 }))).toEqual([
      'g2',
      'has it',
    ])
  })

  it('the least busy of those that have it', () => {
    const first = backend('g1', { heading: 'a', load: 3 })
    expect(choose(first, backend('g2', { heading: 'a', load: 2 }))).toEqual(['g2', 'has it'])
  })

  it('a cold one, rather than to one that must switch', () => {
    expect(choose(backend('g1'), backend('g2', cold))).toEqual(['g2', 'cold'])
  })

  it('the least busy one that would switch, when all are taken', () => {
    const [first, second] = [backend('g1', { load: 3 }), backend('g2', { load: 1 })]
    expect(choose(first, second)).toEqual(['g2', 'would switch'])
  })

  it('the first in configuration, when all are alike', () => {
    expect(choose(backend('g1'), backend('g2'))).toEqual(['g1', 'would switch'])
  })

  it('one that may serve it, and to no other', () => {
    const other = backend('g1', { models: ['b'], ...cold })
    expect(choose(other, backend('g2', { models: ['a'] }))).toEqual(['g2', 'would switch'])
    expect(choose(other)).toEqual([undefined, 'nobody may'])
  })

  it('none that is held', () => {
    expect(choose(backend('g1', { held: true }), backend('g2'))).toEqual(['g2', 'would switch'])
    expect(choose(backend('g1', { held: true }))).toEqual([undefined, 'held'])
  })

  it('none on which it is failing', () => {
    const failing = backend('g1', { ...cold, failing: (model) => model === 'a' })
    expect(choose(failing, backend('g2'))).toEqual(['g2', 'would switch'])
    expect(choose(failing)).toEqual([undefined, 'failing'])
  })

  it('nowhere when there is nothing', () => {
    expect(choose()).toEqual([undefined, 'nobody may'])
  })
})

describe('a choice, whatever there is,', () => {
  const views = fc.array(
    fc.record({
      may: fc.boolean(),
      heading: fc.constantFrom(undefined, 'a', 'b'),
      cold: fc.boolean(),
      held: fc.boolean(),
      fails: fc.boolean(),
      load: fc.nat(3),
    }),
    { maxLength: 4 },
  )

  it('is made if and only if a backend may, is not held and does not fail it', () => {
    fc.assert(
      fc.property(views, (facts) => {
        const backends = facts.map(({ may, fails, ...rest }, index) =>
          backend(`g${index}`, { ...rest, models: [may ? 'a' : 'b'], failing: () => fails }),
        )
        const { chosen } = chooseBackend('a', backends)
        const fit = backends.filter((_, index) => {
          const { may, held, fails } = facts[index]!
          return may && !held && !fails
        })
        if (chosen) expect(fit).toContain(chosen)
        else expect(fit).toEqual([])
        const having = fit.filter(({ heading }) => heading === 'a')
        if (chosen && having.length > 0) expect(having).toContain(chosen)
      }),
      { numRuns: 1_000 },
    )
  })
})
