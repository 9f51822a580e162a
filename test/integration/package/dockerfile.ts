import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './packed.ts'

/** What the last stage of the Dockerfile says of the container. */
export interface Image {
  readonly user: number
  readonly stopSignal: string
  readonly environment: Readonly<Record<string, string>>
  readonly entrypoint: readonly string[]
  readonly command: readonly string[]
  readonly healthCheck: readonly string[]
  readonly labels: readonly string[]
  /** Of every stage, in order. */
  readonly instructions: readonly (readonly [keyword: string, rest: string])[]
}

export function readDockerfile(): Image {
  const text = readFileSync(join(root, 'Dockerfile'), 'utf8')
  const instructions = text
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line): [string, string] => {
      const [keyword = ''] = line.split(' ', 1)
      return [keyword, line.slice(keyword.length + 1)]
    })
  const last = instructions.slice(instructions.findLastIndex(([keyword]) => keyword === 'FROM'))
  const all = (keyword: string) => last.filter(([one]) => one === keyword).map(([, rest]) => rest)
  const words = (text: string) => JSON.parse(text.slice(text.indexOf('['))) as string[]
  const [entrypoint = '', command = '', healthCheck = '', stopSignal = '', user = ''] = [
    'ENTRYPOINT',
    'CMD',
    'HEALTHCHECK',
    'STOPSIGNAL',
    'USER',
  ].map((keyword) => all(keyword).at(-1))
  return {
    user: Number.parseInt(user, 10),
    stopSignal,
    environment: Object.fromEntries(
      all('ENV').flatMap((rest) =>
        rest.split(' ').map((pair) => pair.split('=') as [string, string]),
      ),
    ),
    entrypoint: words(entrypoint),
    command: words(command),
    healthCheck: words(healthCheck),
    labels: all('LABEL').flatMap((rest) =>
      [...rest.matchAll(/([\w.]+)=/g)].map(([, key = '']) => key),
    ),
    instructions,
  }
}
