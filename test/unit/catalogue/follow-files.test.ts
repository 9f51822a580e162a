import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { settleNames } from '../../../src/catalogue/index.ts'
import { followFiles } from '../../../src/catalogue/follow-files.ts'
import { nothingKnown, type Known } from '../../../src/catalogue/follow-manifests.ts'
import type { ManifestFile } from '../../../src/catalogue/manifest-files.ts'
import { defaults, entry, manifestText } from './manifest.ts'

function file(shown: string, text: string, mtimeMs = 1000): ManifestFile {
  return { shown, mtimeMs, content: { text } }
}

function follow(...steps: ManifestFile[][]): Known {
  return steps.reduce((known, files) => followFiles(known, files, defaults), nothingKnown)
}

const names = (known: Known) => known.models.map(({ name }) => name)

describe('following files', () => {
  test('what did not change is the same object as before', () => {
    const first = follow([file('a', manifestText('a')), file('b', manifestText('b'))])
    const [a, b] = first.models
    const changed = file('b', manifestText('b', { priority: 1 }))
    const second = followFiles(first, [file('a', manifestText('a'), 2000), changed], defaults)
    expect(second.models[0]).toBe(a)
    expect(second.models[1]).not.toBe(b)
    expect(second.models[1]?.facts).toMatchObject({ priority: 1, revision: b?.facts.revision })
  })

  test('the model keeps its date of creation when its file changes', () => {
    const known = follow(
      [file('a', manifestText('a'), 5000)],
      [file('a', manifestText('a', { priority: 1 }), 9000)],
    )
    expect(known.models[0]?.createdAt).toBe(5)
  })

  test('a broken file keeps its last good state and is a problem', () => {
    const good = follow([file('a', manifestText('a'))])
    for (const text of ['spec: [', '', manifestText('a', { maxNumSeqs: 0 }), 'kind: VLLMModel']) {
      const broken = followFiles(good, [file('a', text)], defaults)
      expect(broken.models[0]).toBe(good.models[0])
      expect(broken.problems.length).toBeGreaterThan(0)
    }
  })

  test('a file that cannot be read keeps its last good state', () => {
    const good = follow([file('a', manifestText('a'))])
    const unreadable: ManifestFile = {
      shown: 'a',
      mtimeMs: 0,
      content: { fault: 'cannot be read (EACCES)' },
    }
    const known = followFiles(good, [unreadable], defaults)
    expect(names(known)).toEqual(['a'])
    expect(known.problems).toEqual([{ source: 'a', message: 'cannot be read (EACCES)' }])
  })

  test('sound documents of a broken file take effect beside it', () => {
    const two = `${manifestText('a')}\n---\n${manifestText('b')}`
    const half = `${manifestText('a', { priority: 3 })}\n---\n${manifestText('b', { dtype: 'x' })}`
    const known = follow([file('f', two)], [file('f', half)])
    expect(known.models.map(({ name, facts }) => [name, facts.priority])).toEqual([
      ['a', 3],
      ['b', 0],
    ])
  })

  test('a deleted file, and a document taken out of a sound one, remove their models', () => {
    const both = [file('a', manifestText('a')), file('b', manifestText('b'))]
    expect(names(follow(both, [both[0]!]))).toEqual(['a'])
    const two = `${manifestText('a')}\n---\n${manifestText('b')}`
    expect(names(follow([file('f', two)], [file('f', manifestText('b'))]))).toEqual(['b'])
  })

  test('the older of two models with one name wins, whatever their files are called', () => {
    const old = file('z', manifestText('same'), 1000)
    const young = file('a', manifestText('same'), 2000)
    const together = follow([old, young])
    expect(together.models.map(({ source }) => source)).toEqual(['z'])
    expect(together.problems).toEqual([
      {
        source: 'a',
        message:
          'the name same already belongs to the older model of z; rename or remove one of them',
        nameIsTaken: true,
      },
    ])
    // Seen first is older, though the file that came later has an earlier date.
    const later = follow([young], [old, young])
    expect(later.models.map(({ source }) => source)).toEqual(['a'])
    // The younger one gets the name when it is free.
    const left = followFiles(together, [young], defaults)
    expect(left.models.map(({ source }) => source)).toEqual(['a'])
    expect(left.problems).toEqual([])
  })

  test('the end does not depend on the way there, but for who is older', () => {
    const state = fc.dictionary(
      fc.constantFrom('f', 'g', 'h'),
      fc.uniqueArray(fc.constantFrom('1', '2', '3'), { minLength: 1 }),
    )
    const filesOf = (files: Record<string, string[]>) =>
      Object.entries(files).map(([name, models]) =>
        file(name, models.map((model) => manifestText(`${name}${model}`)).join('\n---\n')),
      )
    fc.assert(
      fc.property(fc.array(state), state, (before, last) => {
        const known = follow(...before.map(filesOf), filesOf(last))
        expect(known.models).toEqual(follow(filesOf(last)).models)
        expect(known.problems).toEqual([])
      }),
    )
  })
})

describe('names', () => {
  test('belong to one model each, and every model that has a free name is there', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd')
    const model = fc.uniqueArray(name, { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(fc.array(model, { maxLength: 6 }), (all) => {
        const entries = all.map(([own = '', ...aliases], index) =>
          entry(own, { aliases }, `${index}`),
        )
        const { models, problems } = settleNames(entries)
        const used = models.flatMap(({ name, aliases }) => [name, ...aliases])
        expect(new Set(used).size).toBe(used.length)
        expect(models.length + problems.length).toBe(entries.length)
        if (entries[0]) expect(models).toContain(entries[0])
      }),
    )
  })

  test('an alias counts as a name', () => {
    const { models, problems } = settleNames([entry('a', { aliases: ['x'] }), entry('x')])
    expect(models.map(({ name }) => name)).toEqual(['a'])
    expect(problems[0]).toMatchObject({
      source: 'x.yaml',
      message: expect.stringContaining('name x') as unknown,
    })
  })
})
