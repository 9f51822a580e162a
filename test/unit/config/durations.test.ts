import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatDuration, formatSize, parseDuration, parseSize } from '../../../src/config/index.ts'

describe('durations', () => {
  test.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['0', 0],
    ['576h', 24 * 24 * 3_600_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  test.each(['', '5', '5 minutes', '-5s', 's', '1h 30m', '5M', '1e3s', '577h'])(
    '"%s" is none that we know or that a timer can hold',
    (text) => {
      expect(parseDuration(text)).toBeUndefined()
    },
  )

  test('what is shown is read as the same time', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 24 * 24 * 3_600_000 }), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms)
      }),
    )
  })
})

describe('sizes', () => {
  test.each([
    ['64MiB', 64 * 1024 ** 2],
    ['256Mi', 256 * 1024 ** 2],
    ['1GB', 1e9],
    ['1.5 KiB', 1536],
    ['2k', 2000],
    ['1024', 1024],
    ['0', 0],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes)
  })

  test.each(['', 'MiB', '-1', '1iB', '1XB', '1 MB extra', '99999999TiB'])(
    '"%s" is none',
    (text) => {
      expect(parseSize(text)).toBeUndefined()
    },
  )

  test('what is shown is read as the same size', () => {
    const sizes = fc.oneof(
      fc.maxSafeNat(),
      fc
        .tuple(fc.nat(9999), fc.constantFrom(1024, 1024 ** 2, 1024 ** 3))
        .map(([n, unit]) => n * unit),
    )
    fc.assert(
      fc.property(sizes, (bytes) => {
        expect(parseSize(formatSize(bytes))).toBe(bytes)
      }),
    )
  })
})
