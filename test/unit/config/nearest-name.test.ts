import { describe, expect, test } from 'vitest'
import { didYouMean, nearestName } from '../../../src/config/index.ts'

describe('nearest name', () => {
  const known = ['idleTimeout', 'startTimeout', 'port', 'hold', 'host', 'maxHeld']

  test.each([
    ['idleTimout', 'idleTimeout'],
    ['idle-timeout', 'idleTimeout'],
    ['IDLE_TIMEOUT', 'idleTimeout'],
    ['prot', 'port'],
    ['hodl', 'hold'],
    ['starTimeout', 'startTimeout'],
  ])('%s was meant to be %s', (given, meant) => {
    expect(nearestName(given, known)).toBe(meant)
  })

  test.each(['kubernetes', 'x', ''])('nothing is near "%s"', (given) => {
    expect(nearestName(given, known)).toBeUndefined()
    expect(didYouMean(given, known)).toBe('')
  })

  test('the suggestion is a question', () => {
    expect(didYouMean('prot', known, '--')).toBe('; did you mean --port?')
  })
})
