import { accessSync, constants } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { run } from './run.ts'

/** Programs that the bench is made with, as paths. */
export interface Tools {
  readonly nginx: string
  readonly haproxy: string
  readonly wrk: string
  readonly taskset: string
  readonly go: string
  /** Ours, in Go: see test/bench/go. */
  readonly bench: string
}

/** Debian keeps servers where only root's PATH looks. */
const folders = [
  ...(process.env['PATH'] ?? '').split(delimiter),
  '/usr/sbin',
  '/usr/local/go/bin',
  '/usr/lib/go/bin',
]

/** Where each program comes from, where it is not there yet. */
const packages = {
  nginx: 'nginx-light',
  haproxy: 'haproxy',
  wrk: 'wrk',
  taskset: 'util-linux',
  go: 'golang-go',
}

/** Finds or installs them, and builds ours. */
export async function ensureTools(say: (line: string) => void): Promise<Tools> {
  const missing = Object.entries(packages).filter(([program]) => find(program) === undefined)
  if (missing.length > 0) await install(missing.map(([, name]) => name))
  const found = Object.fromEntries(
    Object.keys(packages).map((program) => [program, find(program) ?? program]),
  ) as Omit<Tools, 'bench'>
  return { ...found, bench: await buildOurs(found.go, say) }
}

function find(program: string): string | undefined {
  return folders
    .map((folder) => join(folder, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

async function install(names: readonly string[]): Promise<void> {
  if (process.getuid?.() !== 0 || find('apt-get') === undefined)
    throw new Error(`install first what the bench needs: ${names.join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  await run('apt-get', ['--quiet', 'update'], { env })
  await run('apt-get', ['--quiet', 'install', '--yes', '--no-install-recommends', ...names], {
    env,
  })
}

async function buildOurs(go: string, say: (line: string) => void): Promise<string> {
  const folder = join(import.meta.dirname, '../../node_modules/.cache/bench')
  await mkdir(folder, { recursive: true })
  const path = join(folder, 'bench')
  say('building the parts in Go')
  await run(go, ['build', '-o', path, '.'], { cwd: join(import.meta.dirname, 'go') })
  return path
}
