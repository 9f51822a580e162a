import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createOutput } from '../../../src/telemetry/output.ts'

/** A file descriptor that takes so many bytes, and fails with that code beyond. */
function outlet() {
  const state = { room: Infinity, code: 'EAGAIN', taken: '' }
  const write = (bytes: Uint8Array): number => {
    if (state.room === 0) throw Object.assign(new Error('write'), { code: state.code })
    const count = Math.min(bytes.length, state.room)
    state.room -= count
    state.taken += Buffer.from(bytes.subarray(0, count)).toString('latin1')
    return count
  }
  const lost: string[] = []
  const output = createOutput({ write, onLost: (count, why) => lost.push(`${count} ${why}`) })
  return { state, output, lost }
}

describe('output of the log', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('writes at once', () => {
    const { state, output } = outlet()
    output.write('one\n')
    expect(state.taken).toBe('one\n')
  })

  it('keeps lines for a reader that is slow, whole and in order, and blocks nobody meanwhile', () => {
    const { state, output, lost } = outlet()
    state.room = 2
    output.write('one\n')
    output.write('two\n')
    expect(state.taken).toBe('on')
    state.room = 4
    vi.advanceTimersByTime(1000)
    state.room = Infinity
    vi.advanceTimersByTime(1000)
    output.write('three\n')
    expect(state.taken).toBe('one\ntwo\nthree\n')
    expect(lost).toEqual([])
  })

  it('keeps no more than a bounded number of bytes, and says how many lines were lost', () => {
    const { state, output, lost } = outlet()
    state.room = 0
    const line = `${'x'.repeat(1023)}\n`
    for (let i = 0; i < 5000; i++) output.write(line)
    expect(lost).toEqual([])
    state.room = Infinity
    vi.advanceTimersByTime(1000)
    const written = state.taken.length / line.length
    expect(written).toBeGreaterThan(500)
    expect(written).toBeLessThan(2000)
    expect(lost).toEqual([`${5000 - written} nobody reads them`])
  })

  it.each(['ENOSPC', 'EPIPE', 'EIO', 'EBADF'])(
    'throws nothing on %s, and goes on with the next line that can be written',
    (code) => {
      const { state, output, lost } = outlet()
      Object.assign(state, { code, room: 0 })
      output.write('one\n')
      output.write('two\n')
      expect(lost).toEqual([])
      state.room = Infinity
      output.write('three\n')
      expect(state.taken).toBe('three\n')
      expect(lost).toEqual([`2 ${code}`])
    },
  )

  it('begins a new line after one that was cut by a full disk', () => {
    const { state, output } = outlet()
    Object.assign(state, { code: 'ENOSPC', room: 2 })
    output.write('one\n')
    state.room = Infinity
    output.write('two\n')
    expect(state.taken).toBe('on\ntwo\n')
  })

  it('counts the lines of several that are lost, but not those that were written', () => {
    const { state, output, lost } = outlet()
    Object.assign(state, { code: 'ENOSPC', room: 6 })
    output.write('one\ntwo\nthree\n')
    state.room = Infinity
    output.write('four\n')
    expect(state.taken).toBe('one\ntw\nfour\n')
    expect(lost).toEqual(['2 ENOSPC'])
  })

  it('begins a new line also when the disk has been full for longer', () => {
    const { state, output, lost } = outlet()
    Object.assign(state, { code: 'ENOSPC', room: 2 })
    output.write('one\n')
    output.write('two\n')
    state.room = Infinity
    output.write('three\n')
    expect(state.taken).toBe('on\nthree\n')
    expect(lost).toEqual(['2 ENOSPC'])
  })

  it('gives a slow reader the last lines before the program ends, but not for ever', () => {
    const { state, output } = outlet()
    state.room = 0
    output.write('one\n')
    output.flush()
    expect(state.taken).toBe('')
    state.room = Infinity
    output.flush()
    expect(state.taken).toBe('one\n')
  })
})
