import { expect, it, onTestFinished, vi } from 'vitest'
import { systemClock } from '../../../src/admission/clock.ts'

it('a wait that is longer than timers can be does not end at once', () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const callback = vi.fn<() => void>()
  // Three settings of at most 24 days each are added up.
  systemClock.setTimeout(callback, 3 * 24 * 86_400_000)
  vi.advanceTimersByTime(86_400_000)
  expect(callback).not.toHaveBeenCalled()
})
