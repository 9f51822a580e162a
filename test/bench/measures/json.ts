import { fileURLToPath } from 'node:url'
import type { Contestant } from '../contestants/index.ts'
import { cpuSecondsOf, runClient } from '../processes.ts'
import type { Tools } from '../tools.ts'

const script = fileURLToPath(new URL('../fixtures/chat.lua', import.meta.url))

/** Small requests, as many as go. */
export interface JsonResult {
  readonly perSecond: number
  readonly p50Us: number
  readonly p99Us: number
  /** Of the proxy, per request. */
  readonly cpuUs: number
}

interface Told {
  readonly requests: number
  readonly seconds: number
  readonly p50Us: number
  readonly p99Us: number
  readonly errors: number
}

export async function measureJson(
  { wrk }: Tools,
  { name, url, pids }: Contestant,
  connections: number,
  seconds: number,
): Promise<JsonResult> {
  const before = cpuSecondsOf(pids)
  // Two seconds, its default, are not for ever on a machine that others use too.
  const command = [wrk, '-t', '1', '-c', String(connections), '-s', script, '--timeout', '30s']
  const told = await runClient<Told>([...command, '-d', `${seconds}s`, url])
  if (told.errors > 0) throw new Error(`${name}: ${told.errors} of ${told.requests} failed`)
  return {
    perSecond: told.requests / told.seconds,
    p50Us: told.p50Us,
    p99Us: told.p99Us,
    cpuUs: ((cpuSecondsOf(pids) - before) / told.requests) * 1e6,
  }
}
