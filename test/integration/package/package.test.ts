import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import manifest from '../../../package.json' with { type: 'json' }
import { ownPath, pack, personsEnvironment, root, stepTimeoutMs, type Packed } from './packed.ts'

const scratch = mkdtempSync(join(tmpdir(), 'vllm-chill-package-'))
const elsewhere = join(scratch, 'elsewhere')
const bin = join(elsewhere, 'node_modules/.bin/vllm-chill')
const withNewNode = personsEnvironment(scratch)
const withOwnNode = { ...withNewNode, PATH: ownPath.join(delimiter) }
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
  packed = pack(scratch)
  mkdirSync(elsewhere)
  writeFileSync(join(elsewhere, 'package.json'), '{"private":true,"type":"module"}')
  // Without XState, which only the charts need.
  const installed = run('npm', ['install', '--offline', '--omit=optional', packed.file])
  expect(installed.stderr).not.toContain('npm error')
}, stepTimeoutMs)

afterAll(() => {
  rmSync(scratch, { recursive: true })
})

describe('the package', () => {
  it('holds the bundle and what npm always adds, in less than 5 MB', () => {
    const others = packed.paths.filter(
      (path) => !path.startsWith('dist/') && path !== 'package.json',
    )
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

/** What somebody writes who has installed the package. */
const programs = {
  'serve.ts': `
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createApp, StartError, type Driver, type Endpoint } from 'vllm-chill'

const engine = createServer((request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ object: 'chat.completion', path: request.url }))
})
await once(engine.listen(0, '127.0.0.1'), 'listening')
const url = \`http://127.0.0.1:\${(engine.address() as AddressInfo).port}\`
const endpoint: Endpoint = { url, incarnation: 'one', maxInFlight: 8 }

const driver: Driver = {
  name: 'process',
  stopsWithProgram: true,
  observe: async () => ({ found: 'nothing' }),
  ensureResources: async () => {},
  async start({ model: { name, revision } }) {
    if (name !== 'qwen') throw new StartError({ reason: 'unknown', message: 'no such weights' })
    return { endpoints: [endpoint], revision }
  },
  watch: () => () => {},
  engineLoad: async () => ({ running: 0, waiting: 0 }),
  stop: async () => {},
  close: async () => {},
}

const settings = { models: 'models', logLevel: 'silent', shutdownDelay: '0s' }
const app = await createApp({ driver, settings })
const server = createServer(app.listener)
server.on('upgrade', app.handleUpgrade)
await once(server.listen(0, '127.0.0.1'), 'listening')
const { port } = server.address() as AddressInfo
for (const model of ['qwen', 'broken']) {
  const response = await fetch(\`http://127.0.0.1:\${port}/v1/chat/completions\`, {
    method: 'POST',
    body: JSON.stringify({ model, messages: [] }),
  })
  console.log(response.status, await response.text())
}
await app.shutDown()
server.close()
engine.close()
`,
  'charts.ts': `
import { createActor, initialTransition } from 'xstate'
import * as driver from 'vllm-chill'
import { backendMachine, StartError, switchPolicies, type BackendContext } from 'vllm-chill/machines'

const states: string[] = Object.keys(backendMachine.states)
const policies: string[] = Object.keys(switchPolicies)
const context: keyof BackendContext = 'models'
console.log(JSON.stringify({ states, policies, context, one: StartError === driver.StartError }))
void createActor
void initialTransition
`,
}

describe('what the package exports', () => {
  beforeAll(() => {
    for (const [file, text] of Object.entries(programs)) writeFileSync(join(elsewhere, file), text)
    mkdirSync(join(elsewhere, 'models'))
    for (const name of ['qwen', 'broken'])
      writeFileSync(
        join(elsewhere, `models/${name}.yaml`),
        JSON.stringify({
          apiVersion: 'vllm.efortin.github.io/v1alpha1',
          kind: 'VLLMModel',
          metadata: { name },
          spec: { modelName: `org/${name}`, servedModelName: name },
        }),
      )
  })

  const modules = [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ]

  /** The libraries' declarations are checked too. */
  const typesOf = (file: string, [module = '', moduleResolution = '']: readonly string[]) =>
    run(process.execPath, [
      join(root, 'node_modules/typescript/bin/tsc'),
      ...'--noEmit --strict --skipLibCheck false --target es2024 --types node'.split(' '),
      ...`--module ${module} --moduleResolution ${moduleResolution}`.split(' '),
      '--typeRoots',
      join(root, 'node_modules/@types'),
      file,
    ])

  it.each(modules)('is typed, and needs only the types of Node: %s', (...how) => {
    expect(typesOf('serve.ts', how).stdout).toBe('')
    expect(typesOf('charts.ts', how).stdout).toContain("'xstate'")
  })

  it('serves models by a driver of somebody else', () => {
    const { stdout, stderr } = run(process.execPath, ['serve.ts'])
    expect(stderr).toBe('')
    const [served = '', refused = ''] = stdout.split('\n')
    expect(served).toBe('200 {"object":"chat.completion","path":"/v1/chat/completions"}')
    expect(refused).toMatch(/^503 .*: no such weights".*"code":"model_failed"/)
  })

  describe('with XState', () => {
    beforeAll(() => {
      symlinkSync(join(root, 'node_modules/xstate'), join(elsewhere, 'node_modules/xstate'))
    })

    it.each(modules)('has typed charts: %s', (...how) => {
      expect(typesOf('charts.ts', how).stdout).toBe('')
    })

    it('gives the charts, with the class that drivers throw', () => {
      const { stdout, stderr } = run(process.execPath, ['charts.ts'])
      expect(stderr).toBe('')
      expect(JSON.parse(stdout)).toMatchObject({
        states: expect.arrayContaining(['cold', 'ready', 'switchingModel']),
        policies: expect.arrayContaining(['fair', 'fifo']),
        one: true,
      })
    })
  })
})

describe('the checkout', () => {
  it(
    'runs by npx, with the Node that it brought along',
    () => {
      const { stdout, stderr } = run('npx', ['vllm-chill', '--version'], root, withOwnNode)
      expect(stderr).not.toContain('needs Node')
      expect(stdout).toBe(`vllm-chill ${manifest.version}\n`)
    },
    stepTimeoutMs,
  )
})
