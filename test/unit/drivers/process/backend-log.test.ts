import { describe, expect, it } from 'vitest'
import { BackendLog } from '../../../../src/drivers/process/backend-log.ts'

const never = new AbortController().signal

function written(...lines: string[]): BackendLog {
  const log = new BackendLog()
  for (const line of lines) log.write(line)
  return log
}

const all = (log: BackendLog, lines: number) =>
  Array.fromAsync(log.read({ lines, follow: false }, never))

describe('the log of a backend', () => {
  it('gives its last lines', async () => {
    const log = written('one', 'two', 'three')
    expect(await all(log, 2)).toEqual(['two', 'three'])
    expect(await all(log, 99)).toEqual(['one', 'two', 'three'])
    expect(await all(log, 0)).toEqual([])
  })

  it('keeps no more than 2,000 lines and a million characters', async () => {
    const log = written(...Array.from({ length: 2_500 }, (_, line) => `line ${line}`))
    const lines = await all(log, 9_999)
    expect([lines.length, lines[0]]).toEqual([2_000, 'line 500'])
    const long = written(...Array.from({ length: 1_000 }, () => 'x'.repeat(4_096)))
    expect(await all(long, 9_999)).toHaveLength(256)
  })

  it('goes on with what comes, until it is closed or the reader leaves', async () => {
    const log = written('one')
    const leaving = new AbortController()
    const stays = log.read({ lines: 9, follow: true }, never)
    const leaves = log.read({ lines: 9, follow: true }, leaving.signal)
    for (const reader of [stays, leaves]) expect((await reader.next()).value).toBe('one')
    const [next, none] = [stays.next(), leaves.next()]
    leaving.abort()
    expect((await none).done).toBe(true)
    log.write('two')
    expect((await next).value).toBe('two')
    const end = stays.next()
    log.close()
    expect((await end).done).toBe(true)
  })

  it('waits for nobody: who is too slow is told how much it missed', async () => {
    const log = written('first')
    const slow = log.read({ lines: 1, follow: true }, never)
    expect((await slow.next()).value).toBe('first')
    for (let line = 0; line < 2_010; line++) log.write(`line ${line}`)
    expect((await slow.next()).value).toBe('[10 lines were not read in time]')
    expect((await slow.next()).value).toBe('line 10')
  })
})
