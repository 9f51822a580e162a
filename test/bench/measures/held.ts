import { writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { startChill, type Ground } from '../contestants/index.ts'
import { flagsOf, memoryOf, start } from '../processes.ts'

/** Many small requests that wait for one model. */
export interface HeldResult {
  readonly requests: number
  readonly residentBytes: number
  /** Beside what the program took before. */
  readonly bytesPerRequest: number
  /** From the backend's readiness, which its own probe shows, until all had been sent, and answered. */
  readonly reachedInMs: number
  readonly answeredInMs: number
}

interface Told {
  readonly reachedInMs: number
  readonly answeredInMs: number
  readonly errors: number
  readonly firstError?: string
}

/** Requests that the backend gets at once. */
const atOnce = 1024

export async function measureHeld(ground: Ground, requests: number): Promise<HeldResult> {
  const most = String(2 * requests)
  const chill = await startChill(ground, {
    name: 'held',
    isGated: true,
    flags: ['--max-held', most, '--max-held-per-model', most, '--max-in-flight', String(atOnce)],
  })
  try {
    const before = memoryOf(chill.pids, 'VmRSS')
    const { bench } = ground.tools
    const client = start('rest', [bench, 'hold', ...flagsOf({ url: chill.url, count: requests })])
    while (!client.said().startsWith('sent')) {
      if (client.child.exitCode !== null) throw new Error(`held: ${client.said()}`)
      await delay(50)
    }
    await untilWaiting(chill.url, requests)
    const residentBytes = memoryOf(chill.pids, 'VmRSS')
    await writeFile(chill.gate, '')
    client.child.stdin?.write('\n')
    await client.exited
    const told = JSON.parse(client.said().trim().split('\n').at(-1) ?? '') as Told
    if (told.errors > 0) throw new Error(`held: ${told.errors} failed: ${told.firstError}`)
    return {
      requests,
      residentBytes,
      bytesPerRequest: (residentBytes - before) / requests,
      reachedInMs: told.reachedInMs,
      answeredInMs: told.answeredInMs,
    }
  } finally {
    await chill.end()
  }
}

async function untilWaiting(url: string, requests: number): Promise<void> {
  for (;;) {
    const answer = await fetch(`${url}/proxy/status`)
    const { backends } = (await answer.json()) as { backends: { waiting: { count: number }[] }[] }
    if (backends[0]?.waiting[0]?.count === requests) return
    await delay(50)
  }
}
