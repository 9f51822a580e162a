import fc from 'fast-check'
import stringWidth from 'string-width'
import { describe, expect, it } from 'vitest'
import { columnsText, folded, noPaint, paintFor, plain } from '../../../src/cli/screen/index.ts'

const columns = [
  { heading: 'NAME', least: 4 },
  { heading: 'STATE', least: 6 },
  { heading: 'COUNT', worth: 2 },
  { heading: 'BECAUSE', least: 9, worth: 1 },
]
const rows = [['gpu0', 'switchingModel.draining', '12', 'somebody waits for another model']]

describe('columns', () => {
  it('are as wide as they want to be where there is place', () => {
    expect(columnsText(columns, rows)).toBe(
      [
        'NAME  STATE                    COUNT  BECAUSE',
        'gpu0  switchingModel.draining  12     somebody waits for another model',
      ].join('\n'),
    )
  })

  it('are cut where they may be, the widest first, before one is left out', () => {
    expect(columnsText(columns, rows, 50)).toBe(
      [
        'NAME  STATE              COUNT  BECAUSE',
        'gpu0  switchingModel.d…  12     somebody waits fo…',
      ].join('\n'),
    )
  })

  it('are left out from the least worth on', () => {
    expect(columnsText(columns, rows, 28)).toBe(
      ['NAME  STATE            COUNT', 'gpu0  switchingModel…  12'].join('\n'),
    )
    expect(columnsText(columns, rows, 16)).toBe(['NAME  STATE', 'gpu0  switching…'].join('\n'))
  })

  it('fit into any width, whatever stands in them', () => {
    const cell = fc.string({ unit: 'grapheme', maxLength: 40 })
    const table = fc.array(fc.tuple(cell, cell, cell, cell), { maxLength: 4 })
    fc.assert(
      fc.property(table, fc.integer({ min: 1, max: 90 }), (cells, width) => {
        const lines = columnsText(columns, cells, width).split('\n')
        expect(lines).toHaveLength(cells.length + 1)
        for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(width)
      }),
    )
  })

  it('count the places of a wide letter twice', () => {
    expect(columnsText([{ heading: 'M' }, { heading: 'N' }], [['模型', 'x']])).toBe(
      'M     N\n模型  x',
    )
  })

  it('are coloured by what stands in them, without losing their width', () => {
    const paint = (text: string) => `\u001B[32m${text}\u001B[39m`
    const painted = columnsText(
      [{ heading: 'A', least: 3, paint }, { heading: 'B' }],
      [['long', 'b']],
      6,
    )
    expect(painted).toBe('A    B\n\u001B[32mlo…\u001B[39m  b')
  })
})

describe('text of others', () => {
  it.each([
    ['\u001B[31mred\u001B[0m', 'red'],
    ['\u001B]0;title\u0007x', 'x'],
    ['a\nb\tc\rd', 'a b c d'],
    ['\u009B2Jx', 'x'],
    ['\u202Eevil', ' evil'],
    ['gewöhnlich → 模型', 'gewöhnlich → 模型'],
  ])('%j steers no terminal', (text, harmless) => {
    expect(plain(text)).toBe(harmless)
  })

  it('is folded between words, and within one that is too long', () => {
    expect(folded(['one two three', 'abcdefgh'], 7)).toEqual(['one two', ' three', 'abcdefg', 'h'])
    expect(folded(['one two three'], undefined)).toEqual(['one two three'])
  })
})

describe('colours', () => {
  it('are for a person who looks, unless turned off', () => {
    expect(paintFor({ env: {}, screen: {} })('good', 'x')).toBe('\u001B[32mx\u001B[39m')
    expect(paintFor({ env: { NO_COLOR: '1' }, screen: {} })).toBe(noPaint)
    expect(paintFor({ env: {}, screen: undefined })).toBe(noPaint)
  })
})
