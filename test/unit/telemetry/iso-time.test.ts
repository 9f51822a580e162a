import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isoTime } from '../../../src/telemetry/iso-time.ts'

test('times are written as Date writes them, in whatever order they come', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 4_102_444_800_000 }),
      fc.array(fc.integer({ min: 0, max: 2_500 }), { maxLength: 10 }),
      (start, steps) => {
        for (const at of [start, ...steps.map((step) => start + step)]) {
          expect(isoTime(at)).toBe(new Date(at).toISOString())
        }
      },
    ),
  )
})
