import { describe, expect, it } from 'vitest'
import { backendMachine } from '../../../machines/index.ts'
import {
  adviceFor,
  bytes,
  duration,
  elapsed,
  gpuTime,
  stateWords,
} from '../../../src/page/browser/words.ts'

describe('durations', () => {
  it.each([
    [-5, '0.0 s'],
    [4_230, '4.2 s'],
    [59_900, '59 s'],
    [60_000, '1 min'],
    [200_000, '3 min 20 s'],
    [7_500_000, '2 h 5 min'],
    [273_600_000, '3 d 4 h'],
  ])('%i ms is %s', (ms, words) => expect(duration(ms)).toBe(words))

  it('counts up in whole seconds', () => {
    expect([elapsed(1_999), elapsed(61_000)]).toEqual(['1 s', '1 min 1 s'])
  })
})

it('GPU time is minutes at first, then hours', () => {
  expect([90, 1_800, 360_000, 4_000_000].map(gpuTime)).toEqual([
    '1.5 min',
    '0.50 h',
    '100 h',
    '1111 h',
  ])
})

it('bytes are told in the unit that fits', () => {
  expect([88, 2_048, 3 * 1_024 ** 2].map(bytes)).toEqual(['88 B', '2.0 KiB', '3.0 MiB'])
})

/** `ready.serving` and so on: where the chart can rest. */
function leavesOf(node: { path: string[]; states: Record<string, unknown> }): string[] {
  const inner = Object.values(node.states) as (typeof node)[]
  return inner.length === 0 ? [node.path.join('.')] : inner.flatMap(leavesOf)
}

describe('states', () => {
  it.each(leavesOf(backendMachine.root as never))(
    '%s of the chart has words of its own',
    (state) => {
      expect(stateWords(state).words).not.toBe(stateWords(`${state} `).words)
    },
  )

  it('one that the page does not know is told as it is', () => {
    expect(stateWords('idle.fallingAsleep')).toEqual({
      words: 'Idle: falling asleep',
      tone: 'leaving',
    })
  })
})

it('there is an advice for whatever failed', () => {
  expect(adviceFor('out_of_memory')).toContain('gpuMemoryUtilization')
  expect(adviceFor('something new')).toContain('Mend the cause')
})
