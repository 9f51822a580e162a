import { get } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import type { Launched } from './servers.ts'

export interface Health {
  /** What `/health` said since the launch; the same again and again is one. */
  readonly seen: readonly string[]
  /** Resolves when the process has ended and it has been asked once more. */
  readonly complete: Promise<void>
}

const everyMs = 50

/** Asks a server for its health until it is gone. */
export function followHealth({ url, exited }: Launched): Health {
  const seen: string[] = []
  const ask = async () => {
    const now = await healthOf(url)
    if (seen.at(-1) !== now) seen.push(now)
  }
  const run = async () => {
    const gone = new AbortController()
    void exited.then(() => gone.abort())
    while (!gone.signal.aborted) {
      await ask()
      await delay(everyMs)
    }
    await ask()
  }
  return { seen, complete: run() }
}

/** Status and body, on a connection of its own: one that is kept may be closed just when it is used. */
async function healthOf(url: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  get(`${url}/health`, { agent: false }, (answer) => {
    void text(answer).then((body) => resolve(`${answer.statusCode} ${JSON.stringify(body)}`))
  }).on('error', () => resolve('no answer'))
  return await promise
}
