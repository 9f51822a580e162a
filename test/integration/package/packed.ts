import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'

export const root = join(import.meta.dirname, '../../..')
export const stepTimeoutMs = 120_000

/** The person's own PATH: without what npm or a test runner put before it. */
export const ownPath = (process.env['PATH'] ?? '')
  .split(delimiter)
  .filter((folder) => !folder.includes('node_modules'))

export interface Packed {
  /** Path of the tarball. */
  readonly file: string
  readonly unpackedSize: number
  readonly paths: readonly string[]
}

/** npm's settings of the run that tests us are not the person's; the cache is fresh, as theirs is. */
export function personsEnvironment(scratch: string): Record<string, string> {
  return {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_'))),
    npm_config_cache: join(scratch, 'npm-cache'),
    npm_config_update_notifier: 'false',
    PATH: [dirname(process.execPath), ...ownPath].join(delimiter),
  }
}

/** `npm pack` of this checkout, which builds it first. */
export function pack(scratch: string): Packed {
  const { stdout, stderr } = spawnSync('npm', ['pack', '--json', '--pack-destination', scratch], {
    cwd: root,
    env: personsEnvironment(scratch),
    encoding: 'utf8',
    timeout: stepTimeoutMs,
  })
  // What `prepare` prints comes first.
  const start = stdout.indexOf('[\n')
  if (start === -1) throw new Error(`npm pack: ${stderr}`)
  const [packed] = JSON.parse(stdout.slice(start)) as [
    { filename: string; unpackedSize: number; files: { path: string }[] },
  ]
  return {
    file: join(scratch, packed.filename),
    unpackedSize: packed.unpackedSize,
    paths: packed.files.map(({ path }) => path),
  }
}

/** Into `folder`, without the folder `package/` that all tarballs of npm have. */
export function unpack({ file }: Packed, folder: string): void {
  mkdirSync(folder, { recursive: true })
  const { status, stderr } = spawnSync('tar', ['-xzf', file, '-C', folder, '--strip-components=1'])
  if (status !== 0 || !existsSync(join(folder, 'package.json'))) throw new Error(String(stderr))
}
