import type { Tools } from '../tools.ts'
import { startBackend } from './backend.ts'
import { startBare } from './bare.ts'
import { startChill } from './chill.ts'
import type { Contestant } from './contestant.ts'
import { startGo } from './go.ts'
import { startHaproxy } from './haproxy.ts'
import { startNginx } from './nginx.ts'
import { startWatched } from './watched.ts'

export type { Contestant, Ground } from './contestant.ts'
export { startChill, wake, type Chill } from './chill.ts'

/** What they are called in tables. */
export const names = {
  direct: 'direct',
  nginx: 'nginx',
  haproxy: 'haproxy',
  goDefault: 'Go, default transport',
  goTuned: 'Go, tuned',
  bare: 'h3 + dispatch, no logic',
  parse: 'h3, parse then send',
  chill: 'vllm-chill',
  quiet: 'vllm-chill, no log',
  watched: 'vllm-chill, watched',
} as const

export type Who = keyof typeof names
export type Field = Readonly<Record<Who, Contestant>>

/** Starts all of them; they are idle until they are asked. */
export async function startField(tools: Tools, folder: string): Promise<Field> {
  const direct = await startBackend(tools)
  const ground = { tools, folder, backend: direct.url }
  return {
    direct,
    nginx: await startNginx(ground),
    haproxy: await startHaproxy(ground),
    goDefault: await startGo(ground, names.goDefault, false),
    goTuned: await startGo(ground, names.goTuned, true),
    bare: await startBare(ground, names.bare, 'forward'),
    parse: await startBare(ground, names.parse, 'parse'),
    chill: await startChill(ground, { name: names.chill }),
    quiet: await startChill(ground, { name: names.quiet, flags: ['--log-level', 'silent'] }),
    watched: await startWatched(ground, names.watched),
  }
}
