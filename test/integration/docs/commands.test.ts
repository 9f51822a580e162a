import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../../..')
const run = promisify(execFile)

/** Shell blocks of a page, one command each; continued lines are one command. */
function commandsOf(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8')
  return [...text.matchAll(/```sh\n(?<block>[\s\S]*?)```/g)].flatMap(({ groups }) =>
    (groups?.['block'] ?? '')
      .replaceAll(/\\\n\s*/g, '')
      .split('\n')
      .filter((line) => line.trim() !== '' && !line.startsWith('#')),
  )
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

describe('the commands of the README', () => {
  let demo: ChildProcess
  let port: number
  const commands = commandsOf('README.md')

  beforeAll(async () => {
    port = await freePort()
    // `exec`, so that the pid is the program's own.
    demo = spawn(
      'sh',
      ['-c', 'exec node src/cli/vllm-chill.ts serve --config examples/demo/vllm-chill.yaml'],
      {
        cwd: root,
        env: {
          ...process.env,
          PORT: String(port),
          VLLM_CHILL_STATE_DIR: `.vllm-chill/docs-${port}`,
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    for await (const line of createInterface({ input: demo.stdout! })) {
      if (line.includes('listening on')) break
    }
    demo.stdout!.resume()
  })

  afterAll(async () => {
    demo.kill('SIGTERM')
    expect((await once(demo, 'exit'))[0]).toBe(0)
  })

  it('begin with the two that set up and start, as package.json has them', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    expect(commands[0]).toBe('npm ci && npm start')
    expect(scripts['start']).toBe(
      'node src/cli/vllm-chill.ts serve --config examples/demo/vllm-chill.yaml',
    )
    expect(commands).toContain('npm ci && npm test')
  })

  it('are answered by the demo as the README prints it', async () => {
    const curl = commands.find((command) => command.startsWith('curl'))
    const { stdout } = await run('sh', ['-c', curl!.replace('localhost:8080', `127.0.0.1:${port}`)])
    expect(JSON.parse(stdout)).toMatchObject({
      object: 'chat.completion',
      model: 'qwen3-coder-30b-fp8',
      choices: [{ message: { content: '[qwen3-coder-30b-fp8] you said: hi' } }],
      usage: { prompt_tokens: 1, completion_tokens: 4, total_tokens: 5 },
    })
  })

  it('show the status of what runs', async () => {
    expect(commands).toContain('npx vllm-chill status')
    const { stdout } = await run('npx', ['vllm-chill', 'status'], {
      cwd: root,
      env: { ...process.env, VLLM_CHILL_URL: `http://127.0.0.1:${port}` },
    })
    expect(stdout).toMatch(/BACKEND +STATE +MODEL/)
  })
})

describe('the commands of the demo', () => {
  it('work from the root of a checkout', async () => {
    for (const command of commandsOf('examples/demo/README.md')) {
      const { stdout } = await run('sh', ['-c', command], { cwd: root })
      expect(stdout).toContain('qwen3-coder-30b-fp8')
    }
  })
})
