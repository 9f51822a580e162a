import { accessSync, constants } from 'node:fs'
import { delimiter, join, isAbsolute } from 'node:path'
import { run, type RunOptions, type Say } from './run.ts'

export async function aptGet(args: readonly string[], options: RunOptions = {}): Promise<string> {
  return await run('apt-get', ['--quiet', ...args], {
    ...options,
    env: { ...process.env, ...options.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
  })
}

/**
 * The line of an apt source list that gives bookworm's sources, from the mirror that this machine
 * gets its packages from.
 */
export async function debianArchive(): Promise<string> {
  const lists = await aptGet([
    'indextargets',
    '--format',
    '$(REPO_URI) $(CODENAME) $(COMPONENT)',
    'Created-By: Packages',
  ]).catch(() => '')
  const bookworm = lists.split('\n').find((line) => line.endsWith(' bookworm main'))
  if (bookworm === undefined) {
    throw new Error(
      'the control plane can be built on Debian 12 (bookworm) only; ' +
        'elsewhere set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver, ' +
        'kube-controller-manager and kube-scheduler',
    )
  }
  return `deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${bookworm}`
}

/**
 * Installs those that are not there.
 *
 * @param wanted per package the program that shows that it is there: a path, or a name in PATH
 */
export async function installPackages(
  wanted: Readonly<Record<string, string>>,
  say: Say,
): Promise<void> {
  const missing = Object.entries(wanted)
    .filter(([, program]) => !isThere(program))
    .map(([name]) => name)
  if (missing.length === 0) return
  if (process.getuid?.() !== 0) {
    throw new Error(`to build the control plane, install first: ${missing.join(' ')}`)
  }
  say(`installing ${missing.join(', ')}`)
  await aptGet(['update'])
  await aptGet(['install', '--yes', '--no-install-recommends', ...missing])
}

function isThere(program: string): boolean {
  const folders = isAbsolute(program) ? [''] : (process.env['PATH'] ?? '').split(delimiter)
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
