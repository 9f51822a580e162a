import { spawnSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createGathering } from '../../../src/telemetry/gathering.ts'

const line = (level: string, msg: string) => `${JSON.stringify({ level, msg })}\n`

function gathering() {
  const writes: string[] = []
  const made = createGathering({ write: (lines) => void writes.push(lines) })
  return { write: (...line: Parameters<typeof made.write>) => made.write(...line), writes }
}

describe('lines of the log', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('are written several at a time, in order, and soon', () => {
    const { write, writes } = gathering()
    write(line('info', 'one'))
    write(line('debug', 'two'))
    expect(writes).toEqual([])
    vi.advanceTimersByTime(20)
    expect(writes).toEqual([line('info', 'one') + line('debug', 'two')])
    write(line('info', 'three'))
    vi.advanceTimersByTime(20)
    expect(writes[1]).toBe(line('info', 'three'))
  })

  it.each(['warn', 'error', 'fatal'])('are written at once from a line at %s on', (level) => {
    const { write, writes } = gathering()
    write(line('info', 'before'))
    write(line(level, 'trouble'))
    expect(writes).toEqual([line('info', 'before') + line(level, 'trouble')])
    vi.advanceTimersByTime(1000)
    expect(writes).toHaveLength(1)
  })

  it('do not pile up while the event loop is busy', () => {
    const { write, writes } = gathering()
    for (let i = 0; i < 1000; i++) write(line('info', 'x'.repeat(1000)))
    expect(writes.length).toBeGreaterThan(10)
    vi.advanceTimersByTime(20)
    expect(writes.join('').length).toBe(1000 * line('info', 'x'.repeat(1000)).length)
  })

  it('are written as people read them, by the level of the line itself', () => {
    const { write, writes } = gathering()
    write(line('info', 'one'), 'INFO: one\n')
    expect(writes).toEqual([])
    write(line('error', 'two'), 'ERROR: two\n')
    expect(writes).toEqual(['INFO: one\nERROR: two\n'])
  })
})

describe('a program that ends', () => {
  const telemetry = new URL('../../../src/telemetry/index.ts', import.meta.url).href

  it.each([
    ['by itself', ''],
    ['by process.exit', 'process.exit(3)'],
    ['of an error that nobody caught', 'throw new Error("crash")'],
    ['of a rejection that nobody handled', 'await Promise.reject(new Error("crash"))'],
  ])('%s has written all it logged', (_, how) => {
    const script = `
      import { createLog, logHarmless } from '${telemetry}'
      const log = createLog({ format: 'json' })
      for (let i = 0; i < 100; i++) log.info({ i }, 'line')
      logHarmless(log, '"i":100', 'last')
      ${how}`
    const args = ['--input-type=module-typescript', '--eval', script]
    const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    const told = stdout
      .trimEnd()
      .split('\n')
      .map((each) => (JSON.parse(each) as { i: number }).i)
    expect(told).toEqual(Array.from({ length: 101 }, (__, i) => i))
  })
})
