import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

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
 * What a program printed.
 * @throws Error with what it said when it failed
 */
export function outputOf(
  program: string | undefined,
  words: readonly string[],
  input?: string,
): string {
  if (program === undefined) throw new Error('it is not installed')
  const { status, stdout, stderr } = spawnSync(program, words, {
    encoding: 'utf8',
    ...(input !== undefined && { input }),
  })
  if (status !== 0) throw new Error(`${program} ${words.join(' ')}: ${stderr}`)
  return stdout
}
