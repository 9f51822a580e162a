import { fileURLToPath } from 'node:url'
import { start } from '../processes.ts'
import { startChill } from './chill.ts'
import type { Contestant, Ground } from './contestant.ts'

const watcher = fileURLToPath(new URL('../fixtures/watcher.ts', import.meta.url))

/** The complete program, with a page open and its metrics scraped. */
export async function startWatched(ground: Ground, name: string): Promise<Contestant> {
  const chill = await startChill(ground, { name })
  const watching = start('rest', [process.execPath, watcher, chill.url])
  return {
    ...chill,
    async end() {
      await watching.end()
      await chill.end()
    },
  }
}
