import { readFile } from 'node:fs/promises'
import { startChill, wake, type Ground } from '../contestants/index.ts'

/** What is added to a load, and to a stop and a load; ms. */
export interface WakingResult {
  /** One cold start. */
  readonly wakeAddedMs: number
  /** A number per switch. */
  readonly switchAddedMs: readonly number[]
  /** From the backend's readiness to the answer of who waited; a number per start. */
  readonly seenMs: readonly number[]
}

const loadTime = '400ms'

export async function measureWaking(ground: Ground, switches: number): Promise<WakingResult> {
  const models = ['one', 'two']
  const chill = await startChill(ground, {
    name: 'waking',
    models,
    backendFlags: ['--load-time', loadTime],
    // Nobody else asks, so nobody has to wait before it turns to another model.
    flags: ['--max-wait', '0'],
  })
  try {
    const switchAddedMs: number[] = []
    const seenMs: number[] = []
    let wakeAddedMs = NaN
    for (let i = 0; i <= switches; i++) {
      const earlier = (await eventsOf(chill.events)).length
      const begun = Date.now()
      await wake(chill.url, models[i % 2] as string)
      const answered = Date.now()
      const events = (await eventsOf(chill.events)).slice(earlier)
      const at = (name: string) => events.find(({ event }) => event === name)?.at ?? NaN
      seenMs.push(answered - at('ready'))
      const added = answered - begun - (at('ready') - at('started'))
      if (i === 0) wakeAddedMs = added
      else switchAddedMs.push(added - (at('stopped') - at('stopping')))
    }
    return { wakeAddedMs, switchAddedMs, seenMs }
  } finally {
    await chill.end()
  }
}

async function eventsOf(file: string): Promise<{ event: string; at: number }[]> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [, event = '', ns = ''] = line.split(' ')
      return { event, at: Number(BigInt(ns) / 1000n) / 1000 }
    })
}
