import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  globSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { main } from '../../../src/cli/main.ts'
import { fakeTerminal } from '../../unit/cli/terminals.ts'
import { readDockerfile } from './dockerfile.ts'
import { pack, root, stepTimeoutMs, unpack } from './packed.ts'

const image = readDockerfile()

describe('the Dockerfile', () => {
  it('builds on one processor for all, and leaves nothing of that behind', () => {
    const stages = image.instructions.filter(([keyword]) => keyword === 'FROM')
    expect(stages.map(([, rest]) => rest)).toEqual([
      '--platform=$BUILDPLATFORM node:24-slim AS build',
      'gcr.io/distroless/nodejs24-debian13:nonroot',
    ])
    const last = image.instructions.slice(
      image.instructions.findLastIndex(([keyword]) => keyword === 'FROM'),
    )
    // There is no shell that could run them, and no emulator that would have to.
    expect(last.filter(([keyword]) => keyword === 'RUN')).toEqual([])
    expect(last.filter(([keyword]) => keyword === 'COPY')).toEqual([
      ['COPY', '--from=build /image /'],
    ])
  })

  it('says who runs it, how it is stopped and checked, and what it is', () => {
    expect(image).toMatchObject({
      stopSignal: 'SIGTERM',
      entrypoint: ['vllm-chill'],
      command: ['serve'],
      healthCheck: ['vllm-chill', 'health'],
    })
    for (const what of ['title', 'description', 'source', 'licenses', 'version', 'revision'])
      expect(image.labels).toContain(`org.opencontainers.image.${what}`)
  })

  it(
    'builds from what it copies, and nothing else',
    () => {
      const context = mkdtempSync(join(tmpdir(), 'vllm-chill-context-'))
      try {
        const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n')
        const allowed = ignored.filter((line) => line.startsWith('!')).map((line) => line.slice(1))
        const copied = image.instructions
          .filter(([keyword, rest]) => keyword === 'COPY' && !rest.startsWith('--from'))
          .flatMap(([, rest]) => rest.split(' ').slice(0, -1))
        expect(copied.toSorted()).toEqual(allowed.toSorted())
        for (const path of globSync(copied, { cwd: root }))
          cpSync(join(root, path), join(context, path), { recursive: true })
        symlinkSync(join(root, 'node_modules'), join(context, 'node_modules'))
        execFileSync(process.execPath, ['build.ts'], { cwd: context })
        expect(readdirSync(join(context, 'dist'))).toContain('vllm-chill.js')
      } finally {
        rmSync(context, { recursive: true })
      }
    },
    stepTimeoutMs,
  )

  it('agrees with the manifests on the user and the name of the program', async () => {
    const terminal = fakeTerminal()
    await main(['node', 'vllm-chill', 'manifests'], terminal)
    const documents = terminal.printed.join('\n').split('\n---\n')
    const { spec } = documents.map((one) => parse(one)).find(({ kind }) => kind === 'Deployment')
    const { securityContext, containers } = spec.template.spec
    expect(securityContext.runAsUser).toBe(image.user)
    expect(containers[0].command).toEqual(image.entrypoint)
    expect(containers[0].securityContext.readOnlyRootFilesystem).toBe(true)
  })
})

/**
 * As in the image: the bundle alone, in a folder that nobody may write to, run by its user with its
 * variables, no HOME and no program in PATH. What is missing is the image's own Node.
 */
describe('the program of the image', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'vllm-chill-image-'))
  const app = join(scratch, 'app')
  const home = join(scratch, 'home')
  const writable = join(scratch, 'tmp')
  const models = join(scratch, 'models')
  const node = join(scratch, 'node')
  const isRoot = process.getuid?.() === 0
  let port: number
  let before: string[]

  const environment = () => ({
    ...image.environment,
    VLLM_CHILL_STATE_DIR: join(writable, 'state'),
    HOME: '',
    PATH: '/nowhere',
    PORT: String(port),
  })

  function run([program, ...words]: readonly string[]): ChildProcess {
    expect(program).toBe('vllm-chill')
    return spawn(node, [join(app, 'dist/vllm-chill.js'), ...words], {
      cwd: home,
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(isRoot && { uid: image.user, gid: image.user }),
    })
  }

  async function outcomeOf(words: readonly string[]) {
    const child = run(words)
    const [printed, said, [code]] = await Promise.all([
      text(child.stdout!),
      text(child.stderr!),
      once(child, 'exit') as Promise<[number]>,
    ])
    return { code, printed, said }
  }

  /** Everything that was there, with when it was changed. */
  const files = () =>
    globSync('**', { cwd: app }).map((path) => `${path} ${statSync(join(app, path)).mtimeMs}`)

  beforeAll(async () => {
    chmodSync(scratch, 0o755)
    unpack(pack(scratch), app)
    for (const folder of [home, writable, models]) mkdirSync(folder)
    if (isRoot) chownSync(writable, image.user, image.user)
    writeFileSync(
      join(models, 'qwen.yaml'),
      'apiVersion: vllm.efortin.github.io/v1alpha1\nkind: VLLMModel\nmetadata: { name: qwen }\n' +
        'spec: { modelName: org/qwen, servedModelName: qwen }\n',
    )
    // The user may not be let into the folder that holds this Node.
    try {
      linkSync(process.execPath, node)
    } catch {
      copyFileSync(process.execPath, node)
    }
    for (const path of ['', ...globSync('**', { cwd: app })]) {
      const isFolder = statSync(join(app, path)).isDirectory()
      chmodSync(join(app, path), isFolder ? 0o555 : 0o444)
    }
    chmodSync(home, 0o555)
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
    server.close()
    await once(server, 'close')
    before = files()
  }, stepTimeoutMs)

  afterAll(() => {
    for (const path of ['', ...globSync('**', { cwd: app })]) {
      if (statSync(join(app, path)).isDirectory()) chmodSync(join(app, path), 0o755)
    }
    rmSync(scratch, { recursive: true, force: true })
  })

  it('is not alive before it runs', async () => {
    const { code, said } = await outcomeOf(image.healthCheck)
    expect(code).toBe(1)
    expect(said).toContain('does not answer')
  })

  it('serves, drains at its stop signal, and leaves no trace', async () => {
    const program = run([
      ...image.entrypoint,
      ...image.command,
      `--models=${models}`,
      '--log-format=json',
      '--shutdown-delay=0s',
      '--command=vllm-chill simulate --load-time 200ms --itl 20ms',
    ])
    const ended = once(program, 'exit') as Promise<[number | null, string | null]>
    const said = text(program.stderr!)
    const log: string[] = []
    const lines = createInterface({ input: program.stdout! })
    lines.on('line', (line) => log.push(line))
    await Promise.race([
      new Promise<void>((resolve) => {
        lines.on('line', (line) => line.includes('listening on') && resolve())
      }),
      ended.then(async () => {
        throw new Error(`ended at once: ${await said}\n${log.join('\n')}`)
      }),
    ])
    expect(await outcomeOf(image.healthCheck)).toEqual({ code: 0, printed: 'ok\n', said: '' })

    const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'qwen',
        stream: true,
        messages: [{ role: 'user', content: 'word '.repeat(50) }],
      }),
    })
    expect(response.status).toBe(200)
    const reader = response.body!.getReader()
    const decoder = new TextDecoder()
    let answer = decoder.decode((await reader.read()).value)
    program.kill(image.stopSignal as NodeJS.Signals)
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      answer += decoder.decode(value)
    }
    // What was in flight ran to its end.
    expect(answer.trimEnd()).toMatch(/data: \[DONE\]$/)
    expect(await ended, log.join('\n')).toEqual([0, null])
    expect(await said).toBe('')
    expect(files()).toEqual(before)
    const { uid } = statSync(join(writable, 'state'))
    expect(uid).toBe(isRoot ? image.user : process.getuid?.())
    expect(readdirSync(home)).toEqual([])
  })
})
