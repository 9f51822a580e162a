import fc from 'fast-check'
import { expect, test } from 'vitest'
import { splitTokens, tokenId, tokenOf } from '../../../src/simulator/tokens.ts'

test('tokens put together are the text again', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\n', 'é') }), (text) => {
      expect(splitTokens(text).join('')).toBe(text)
    }),
  )
})

test('ids are whole numbers that lead back to their words', () => {
  const ids = splitTokens('one two two').map((token) => tokenId(token))
  expect(ids.map((id) => tokenOf(id)).join('')).toBe('one two two')
  expect(ids[1]).toBe(ids[2])
  expect(tokenOf(-5)).toBe('\uFFFD')
})
