import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'

/** A program of this machine, or undefined where it is not installed. */
export function findProgram(name: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(existsSync)
}

export const helm = findProgram('helm')
export const kubectl = findProgram('kubectl')

/** kubectl with a kustomize that knows `replacements`; Debian 12's is too old. */
export const kustomizer = kubectl !== undefined && hasReplacements(kubectl) ? kubectl : undefined

export const howToGet = {
  helm: 'no helm here: `go install helm.sh/helm/v3/cmd/helm@v3.22.0` brings it',
  kustomizer: 'no kubectl here whose kustomize is of version 5 or newer',
}

function hasReplacements(kubectl: string): boolean {
  const { stdout } = spawnSync(kubectl, ['version', '--client', '--output', 'json'], {
    encoding: 'utf8',
  })
  try {
    // Not told by old ones.
    const { kustomizeVersion = 'v0' } = JSON.parse(stdout) as { kustomizeVersion?: string }
    return Number(/^v(\d+)/.exec(kustomizeVersion)?.[1]) >= 5
  } catch {
    return false
  }
}

/**
 * What a program printed. Other things may go on meanwhile, such as the node that it waits for.
 * @throws Error with what it said when it failed
 */
export async function outputOf(
  program: string | undefined,
  words: readonly string[],
  input = '',
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  if (program === undefined) throw new Error('it is not installed')
  const child = spawn(program, words, { env: { ...process.env, ...env } })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  child.stdin.end(input)
  const [printed, said] = await Promise.all([text(child.stdout), text(child.stderr)])
  if ((await ended) !== 0) throw new Error(`${program} ${words.join(' ')}: ${said}`)
  return printed
}
