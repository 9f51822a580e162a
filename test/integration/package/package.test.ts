import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import manifest from '../../../package.json' with { type: 'json' }

const root = join(import.meta.dirname, '../../..')
const scratch = mkdtempSync(join(tmpdir(), 'vllm-chill-package-'))
const elsewhere = join(scratch, 'elsewhere')
const bin = join(elsewhere, 'node_modules/.bin/vllm-chill')
const stepTimeoutMs = 120_000

/** The person's own PATH: without what npm or a test runner put before it. */
const ownPath = (process.env['PATH'] ?? '')
  .split(delimiter)
  .filter((folder) => !folder.includes('node_modules'))

/** npm's settings of the run that tests us are not the person's; the cache is fresh, as theirs is. */
const env: Record<string, string> = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_'))),
  npm_config_cache: join(scratch, 'npm-cache'),
  npm_config_update_notifier: 'false',
}
const withNewNode = { ...env, PATH: [dirname(process.execPath), ...ownPath].join(delimiter) }
const withOwnNode = { ...env, PATH: ownPath.join(delimiter) }

interface Packed {
  filename: string
  size: number
  unpackedSize: number
  files: { path: string }[]
}
let packed: Packed

function run(command: string, args: string[], cwd = elsewhere, environment = withNewNode) {
  return spawnSync(command, args, {
    cwd,
    env: environment,
    encoding: 'utf8',
    timeout: stepTimeoutMs,
  })
}

/** A Node on this machine that is older than we need, if there is one. */
function tooOldNode(): string | undefined {
  return ownPath
    .map((folder) => join(folder, 'node'))
    .filter((node) => existsSync(node))
    .find((node) => Number(execFileSync(node, ['-p', 'process.versions.node.split(".")[0]'])) < 22)
}

beforeAll(() => {
  const args = ['pack', '--json', '--pack-destination', scratch]
  const { stdout } = run('npm', args, root)
  // What `prepare` prints comes first.
  packed = (JSON.parse(stdout.slice(stdout.indexOf('[\n'))) as [Packed])[0]
  mkdirSync(elsewhere)
  writeFileSync(join(elsewhere, 'package.json'), '{"private":true}')
  const installed = run('npm', ['install', '--offline', join(scratch, packed.filename)])
  expect(installed.stderr).not.toContain('npm error')
}, stepTimeoutMs)

afterAll(() => {
  rmSync(scratch, { recursive: true })
})

describe('the package', () => {
  it('holds the bundle and what npm always adds, in less than 5 MB', () => {
    const others = packed.files
      .map(({ path }) => path)
      .filter((path) => !path.startsWith('dist/') && path !== 'package.json')
    expect(others.filter((path) => !/^(README\.md|LICENSE)$/.test(path))).toEqual([])
    expect(packed.unpackedSize).toBeLessThan(5_000_000)
  })

  it('needs nothing else installed', () => {
    expect(manifest).not.toHaveProperty('dependencies')
    expect(readFileSync(bin, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/)
  })

  it('runs where it is installed, by name and by npx', () => {
    expect(run(bin, ['--version']).stdout).toBe(`vllm-chill ${manifest.version}\n`)
    expect(run('npx', ['vllm-chill', '--version']).stdout).toBe(`vllm-chill ${manifest.version}\n`)
    expect(run(bin, ['--help']).stdout).toContain('switch <model>')
    expect(run(bin, ['simulate', '--help']).stdout).toContain('--load-time')
    expect(run(bin, ['statsu'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('did you mean status?'),
    })
  })

  it('ends quietly when nobody reads its output any more', () => {
    const { status, stderr } = run('bash', ['-o', 'pipefail', '-c', `"${bin}" --help | true`])
    expect(stderr).toBe('')
    expect(status).toBe(0)
  })

  const oldNode = tooOldNode()
  it.skipIf(oldNode === undefined)('says which Node it needs, on one that is too old', () => {
    const { status, stdout, stderr } = run(oldNode ?? '', [bin, 'status'])
    expect(status).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^vllm-chill needs Node 22\.19 or newer; this is v\d+\.\d+\.\d+\.\n/)
    expect(stderr).not.toContain('    at ')
  })
})

describe('the checkout', () => {
  it('runs by npx, with the Node that it brought along', () => {
    const { stdout, stderr } = run('npx', ['vllm-chill', '--version'], root, withOwnNode)
    expect(stderr).not.toContain('needs Node')
    expect(stdout).toBe(`vllm-chill ${manifest.version}\n`)
  })
})
