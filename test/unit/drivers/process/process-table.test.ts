import { describe, expect, test } from 'vitest'
import {
  parsePs,
  parseStat,
  processEntry,
  processTable,
} from '../../../../src/drivers/process/process-table.ts'

const rest = '1 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4711 1000 10'

describe('/proc/<pid>/stat', () => {
  test.each([
    ['a plain name', '42 (vllm) S '],
    ['a name with spaces', '42 (VLLM::Engine Core) S '],
    ['a name that looks like the fields after it', '42 (x) Z 9 9 (y) S '],
  ])('is read with %s', (_, start) => {
    expect(parseStat(start + rest)).toMatchObject({
      pid: 42,
      group: 7,
      zombie: false,
      startTime: expect.stringMatching(/^4711\./),
    })
  })

  test.each(['Z', 'X'])('tells that state %s is dead', (state) => {
    expect(parseStat(`42 (vllm) ${state} ${rest}`)?.zombie).toBe(true)
  })

  test('tells that a zombie whose threads still run is not gone', () => {
    const dying = rest.replace(' 20 0 1 0 4711', ' 20 0 12 0 4711')
    expect(dying).not.toBe(rest)
    expect(parseStat(`42 (vllm) Z ${dying}`)?.zombie).toBe(false)
  })

  test.each(['', '42', '42 (vllm', 'x (vllm) S'])('"%s" names no process', (stat) => {
    expect(parseStat(stat)).toBeUndefined()
  })
})

test('ps is read where there is no /proc', () => {
  const listed = [
    '    1     1 Ss   Tue Nov  3 06:00:00 2026',
    ' 4711  4700 Z+   Tue Nov  3 06:20:31 2026',
    '',
  ]
  expect(parsePs(listed.join('\n'))).toEqual([
    { pid: 1, group: 1, zombie: false, startTime: 'Tue Nov 3 06:00:00 2026' },
    { pid: 4711, group: 4700, zombie: true, startTime: 'Tue Nov 3 06:20:31 2026' },
  ])
})

test('this process is in the table, as itself', async () => {
  const itself = processEntry(process.pid)
  expect(itself).toMatchObject({ pid: process.pid, zombie: false })
  expect(await processTable()).toContainEqual(itself)
})

test('a pid that nobody has is no process', () => {
  expect(processEntry(2 ** 30)).toBeUndefined()
})
