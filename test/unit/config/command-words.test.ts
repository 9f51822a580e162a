import { existsSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { resolveCommand, splitCommand } from '../../../src/config/index.ts'

describe('a command line', () => {
  test.each<[string, string[]]>([
    ['vllm serve', ['vllm', 'serve']],
    ['  vllm\n  serve  ', ['vllm', 'serve']],
    ['"/opt/my vllm/bin/vllm" serve', ['/opt/my vllm/bin/vllm', 'serve']],
    [
      String.raw`run 'a "b" \c' "d \"e\" \f" g\ h`,
      ['run', String.raw`a "b" \c`, String.raw`d "e" \f`, 'g h'],
    ],
    [`run ''`, ['run', '']],
    ['run $HOME | *', ['run', '$HOME', '|', '*']],
  ])('%s is split as a shell would, without one', (line, words) => {
    expect(splitCommand(line)).toEqual(words)
  })

  test.each(['', '   ', 'run "a', "run 'a", 'run \\', `'' a`])('%j is none', (line) => {
    expect(splitCommand(line)).toBeUndefined()
  })

  test('words that are quoted come back whole', () => {
    const word = fc.string().filter((text) => !text.includes("'"))
    fc.assert(
      fc.property(fc.array(word), (words) => {
        const line = ['run', ...words.map((text) => `'${text}'`)].join(' ')
        expect(splitCommand(line)).toEqual(['run', ...words])
      }),
    )
  })

  test('vllm-chill as the first word is this very program', () => {
    const [node, entry, ...rest] = resolveCommand(['vllm-chill', 'simulate', '--itl', '1ms'])
    expect(node).toBe(process.execPath)
    expect(existsSync(entry!)).toBe(true)
    expect(entry).toMatch(/vllm-chill\.(ts|js)$/)
    expect(rest).toEqual(['simulate', '--itl', '1ms'])
  })

  test('any other command is left alone', () => {
    expect(resolveCommand(['vllm', 'serve', 'vllm-chill'])).toEqual(['vllm', 'serve', 'vllm-chill'])
  })
})
