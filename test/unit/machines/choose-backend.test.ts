import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chooseBackend, chooseCopy, turnCostMs, type BackendView } from '../../../machines/index.ts'

function backend(name: string, facts: Partial<BackendView> = {}): BackendView {
  return {
    name,
    models: undefined,
    heading: 'x',
    open: !facts.cold && facts.heading !== undefined,
    cold: false,
    held: false,
    pinned: false,
    failing: () => false,
    load: 0,
    waiting: [],
    loadMs: () => 40_000,
    roomMs: 0,
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

  it('one that serves it already, rather than to one that is still loading it', () => {
    const loading = backend('g1', { heading: 'a', open: false })
    expect(choose(loading, backend('g2', { heading: 'a', load: 9 }))).toEqual(['g2', 'has it'])
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

  it('the one that nobody else uses, also when it waits there already, rather than to a line for GPUs', () => {
    const inLine = backend('g1', { heading: 'a', cold: true, roomMs: 40_001, load: 1 })
    const unused = backend('g2', { open: true })
    const own = { load: 2, waiting: [{ model: 'a', count: 2 }] }
    expect(choose(inLine, unused)).toEqual(['g2', 'would switch'])
    expect(choose(inLine, { ...unused, ...own })).toEqual(['g2', 'would switch'])
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

describe('where all must make room, a model goes', () => {
  it('to one whose model is not used rather than to a busy one', () => {
    const [busy, quiet] = [backend('g1', { load: 1 }), backend('g2', { loadMs: () => 60_000 })]
    expect(choose(busy, quiet)).toEqual(['g2', 'would switch'])
  })

  it('to the one where it loads fastest, when none is used', () => {
    const fast = backend('g2', { loadMs: () => 5_000 })
    expect(choose(backend('g1'), fast)).toEqual(['g2', 'would switch'])
  })

  it('to the one whose model loads fastest when it comes back, when all are used', () => {
    const loadMs = (model: string) => (model === 'y' ? 5_000 : 40_000)
    const other = backend('g2', { heading: 'y', load: 1, loadMs })
    expect(choose(backend('g1', { load: 1 }), other)).toEqual(['g2', 'would switch'])
  })

  it('to one of two copies, as nothing is lost when it goes', () => {
    const copies = [1, 2].map((n) => backend(`g${n + 1}`, { heading: 'y', load: 3 }))
    expect(choose(backend('g1', { load: 1 }), ...copies)).toEqual(['g2', 'would switch'])
  })

  it('past those where others wait already', () => {
    const queued = backend('g1', {
      load: 1,
      waiting: ['b', 'c'].map((model) => ({ model, count: 1 })),
    })
    expect(choose(queued, backend('g2', { load: 9 }))).toEqual(['g2', 'would switch'])
  })

  it('past what is pinned', () => {
    expect(choose(backend('g1', { pinned: true }), backend('g2', { load: 50 }))).toEqual([
      'g2',
      'would switch',
    ])
    const behindPins = backend('g1', { ...cold, roomMs: Infinity })
    expect(choose(behindPins)).toEqual([undefined, 'pinned'])
  })

  it('to a cold one whose GPUs others hold only where that costs less', () => {
    const lacking = backend('g1', { ...cold, roomMs: 50_000 })
    expect(choose(lacking, backend('g2', { load: 1 }))).toEqual(['g2', 'would switch'])
    expect(choose(lacking, backend('g2', { load: 20 }))).toEqual(['g1', 'needs room'])
    expect(turnCostMs('a', lacking, [])).toBe(90_000)
  })
})

describe('a second copy', () => {
  const serving = backend('g1', { heading: 'a', load: 9 })

  it('comes up on a cold backend whose GPUs are free', () => {
    const free = backend('g3', cold)
    expect(chooseCopy('a', [serving, backend('g2'), free])?.name).toBe('g3')
  })

  it.each<[string, Partial<BackendView>]>([
    ['whose GPUs others hold', { roomMs: 1 }],
    ['that somebody waits for', { load: 1 }],
    ['that an operator holds', { held: true }],
    ['that may not serve it', { models: ['b'] }],
    ['where it fails', { failing: () => true }],
  ])('does not come up on one %s', (_, facts) => {
    expect(chooseCopy('a', [serving, backend('g2', { ...cold, ...facts })])).toBeUndefined()
  })

  it('waits for one that is just coming up', () => {
    const coming = backend('g2', { heading: 'a', open: false })
    expect(chooseCopy('a', [serving, coming, backend('g3', cold)])).toBeUndefined()
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
