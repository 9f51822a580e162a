import { describe, expect, it } from 'vitest'
import { Ring } from '../../../src/events/ring.ts'

function filled(bounds: { count: number; bytes: number }, sizes: number[]): Ring<string> {
  const ring = new Ring<string>(bounds)
  for (const [index, size] of sizes.entries()) {
    ring.push({ number: (index + 1) * 10, value: `e${index + 1}` }, size)
  }
  return ring
}

const kept = (ring: Ring<string>) =>
  Array.from({ length: ring.next - ring.first }, (_, index) => ring.at(ring.first + index)?.value)

describe('a ring', () => {
  it('keeps the last so many', () => {
    const ring = filled({ count: 3, bytes: 1_000 }, [1, 1, 1, 1, 1])
    expect(kept(ring)).toEqual(['e3', 'e4', 'e5'])
    expect(ring.lastDropped).toBe(20)
    expect(ring.bytes).toBe(3)
  })

  it('keeps no more than so many bytes', () => {
    const ring = filled({ count: 100, bytes: 10 }, [4, 4, 4])
    expect(kept(ring)).toEqual(['e2', 'e3'])
    expect(ring.bytes).toBe(8)
  })

  it('keeps nothing of what is larger than all of it', () => {
    const ring = filled({ count: 100, bytes: 10 }, [1, 11])
    expect(kept(ring)).toEqual([])
    expect([ring.bytes, ring.lastDropped]).toEqual([0, 20])
  })

  it('finds the first behind a number, also one that is not in it', () => {
    const ring = filled({ count: 3, bytes: 1_000 }, [1, 1, 1, 1, 1])
    const after = (number: number) => ring.at(ring.after(number))?.value
    expect([0, 20, 30, 35, 49, 50, 99].map(after)).toEqual([
      'e3',
      'e3',
      'e4',
      'e4',
      'e5',
      undefined,
      undefined,
    ])
  })
})
