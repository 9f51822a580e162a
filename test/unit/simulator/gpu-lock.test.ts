import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { describe, expect, onTestFinished, test } from 'vitest'
import { takeGpuLock } from '../../../src/simulator/gpu-lock.ts'
import { runGpuWorker } from '../../../src/simulator/gpu-worker.ts'

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'gpu-lock-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const startOf = (pid: number) => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ').at(21)

const dead = { pid: 2 ** 30, startedAt: '1' }

describe('a lock', () => {
  test('names its holder and is gone when it is given back', () => {
    const file = join(folder(), 'gpu')
    const result = takeGpuLock(file)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ pid: process.pid })
    if ('release' in result) result.release()
    expect(readdirSync(join(file, '..'))).toEqual([])
  })

  test('stays with a holder that lives', () => {
    const file = join(folder(), 'gpu')
    writeFileSync(file, JSON.stringify({ pid: process.ppid, startedAt: startOf(process.ppid) }))
    expect(takeGpuLock(file)).toEqual({ heldBy: process.ppid })
    expect(readdirSync(join(file, '..'))).toEqual(['gpu'])
  })

  test('is not given back by one who lost it meanwhile', () => {
    const file = join(folder(), 'gpu')
    const result = takeGpuLock(file)
    writeFileSync(file, JSON.stringify(dead))
    if ('release' in result) result.release()
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(dead)
  })

  test('is inherited down a chain of dead holders, which is then cleared away', () => {
    const file = join(folder(), 'gpu')
    writeFileSync(file, JSON.stringify(dead))
    const heir = { pid: 2 ** 30 + 1, startedAt: '2' }
    writeFileSync(`${file}.after-${dead.pid}-1`, JSON.stringify(heir))
    expect(takeGpuLock(file)).toHaveProperty('release')
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ pid: process.pid })
    expect(readdirSync(join(file, '..'))).toEqual(['gpu'])
  })

  test('stays with a living heir of a dead holder', () => {
    const file = join(folder(), 'gpu')
    writeFileSync(file, JSON.stringify(dead))
    const heir = { pid: process.ppid, startedAt: startOf(process.ppid) }
    writeFileSync(`${file}.after-${dead.pid}-1`, JSON.stringify(heir))
    expect(takeGpuLock(file)).toEqual({ heldBy: process.ppid })
  })

  test('is judged by the process id alone where there is no start time', () => {
    const file = join(folder(), 'gpu')
    writeFileSync(file, JSON.stringify({ pid: process.ppid }))
    expect(takeGpuLock(file)).toEqual({ heldBy: process.ppid })
    writeFileSync(file, JSON.stringify({ pid: dead.pid }))
    expect(takeGpuLock(file)).toHaveProperty('release')
  })

  test('is not made of a file that is something else', () => {
    const file = join(folder(), 'gpu')
    writeFileSync(file, 'a poem')
    expect(() => takeGpuLock(file)).toThrow('is not a GPU lock')
    expect(readFileSync(file, 'utf8')).toBe('a poem')
  })
})

describe('a worker', () => {
  const start = (files: string[]) => {
    const orders = new PassThrough()
    const reports = new PassThrough({ encoding: 'utf8' })
    const ended = runGpuWorker(files, 0, { orders, reports })
    const next = async () => {
      for await (const report of reports.iterator({ destroyOnReturn: false })) return String(report)
      return ''
    }
    return { orders, next, ended }
  }

  test('holds all its devices until its leader is gone', async () => {
    const path = folder()
    const { orders, next, ended } = start([join(path, 'a'), join(path, 'b')])
    orders.write('take\n')
    expect(await next()).toBe('taken\n')
    expect(readdirSync(path).sort()).toEqual(['a', 'b'])
    orders.end()
    await ended
    expect(readdirSync(path)).toEqual([])
  })

  test('holds none when one of them is taken', async () => {
    const path = folder()
    const holder = { pid: process.ppid, startedAt: startOf(process.ppid) }
    writeFileSync(join(path, 'b'), JSON.stringify(holder))
    const { orders, next } = start([join(path, 'a'), join(path, 'b')])
    orders.write('take\n')
    expect(await next()).toBe(`busy ${process.ppid}\n`)
    expect(readdirSync(path)).toEqual(['b'])
  })

  test('gives its devices back and takes them again when told', async () => {
    const path = folder()
    const { orders, next } = start([join(path, 'a')])
    for (const [order, report, left] of [
      ['take', 'taken\n', ['a']],
      ['release', 'released\n', []],
      ['take', 'taken\n', ['a']],
    ] as const) {
      orders.write(`${order}\n`)
      expect(await next()).toBe(report)
      expect(readdirSync(path)).toEqual(left)
    }
    orders.end()
  })
})
