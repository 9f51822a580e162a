import { expect, test } from 'vitest'
import { createFaults } from '../../../src/simulator/faults.ts'

const none = { errorRate: 0, dieAfterChunks: 0, dieAfterRequests: 0 }
const times = <T>(count: number, call: () => T): T[] => Array.from({ length: count }, call)

test('errors are spread evenly, so that a rate of a quarter hits every fourth request', () => {
  const faults = createFaults({ ...none, errorRate: 0.25 })
  const failing = times(8, () => faults.failsNow())
  expect(failing).toEqual([false, false, false, true, false, false, false, true])
})

test('a rate of one fails every request and a rate of none no request', () => {
  const always = createFaults({ ...none, errorRate: 1 })
  expect(times(3, () => always.failsNow())).toEqual([true, true, true])
  const never = createFaults(none)
  expect(times(3, () => never.failsNow())).toEqual([false, false, false])
})

test('death comes at exactly the given count, and never without one', () => {
  const faults = createFaults({ ...none, dieAfterChunks: 2, dieAfterRequests: 3 })
  expect(times(4, () => faults.isLastChunk())).toEqual([false, true, false, false])
  expect(times(4, () => faults.isLastRequest())).toEqual([false, false, true, false])
  expect(times(3, () => createFaults(none).isLastChunk())).not.toContain(true)
})
