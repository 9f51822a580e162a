import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { backendStatus, FakeFleet, serveOperations } from '../operations/fakes.ts'
import { fakeTerminal } from './terminals.ts'

const failure = {
  model: 'deepseek',
  reason: 'exited',
  message: 'exit code 1',
  log: ['loading weights', 'CUDA out of memory'],
  attempts: 2,
  at: '2026-11-24T06:00:00.000Z',
  retryInMs: 2000,
}

async function run(url: string, words: string[], env: Record<string, string> = {}) {
  const terminal = fakeTerminal({ VLLM_CHILL_URL: url, ...env })
  const code = await main(['node', 'vllm-chill', ...words], terminal)
  return { code, printed: terminal.printed.join('\n'), said: terminal.said.join('') }
}

/** A fleet that reaches `then` at the second status after a command. */
function movingFleet(...steps: ReturnType<typeof backendStatus>[][]) {
  const fleet = new FakeFleet()
  fleet.onCommand = () => {
    fleet.onStatus = () => {
      fleet.backends = steps.shift() ?? fleet.backends
    }
  }
  return fleet
}

describe('status', () => {
  it('prints a table and below it everything that keeps somebody waiting', async () => {
    const fleet = new FakeFleet()
    fleet.backends = [
      backendStatus({
        state: 'switchingModel.draining',
        model: 'qwen3',
        target: 'deepseek',
        because: 'deepseek waits',
        leases: 1,
        waiting: [{ model: 'deepseek', count: 3, bytes: 10, oldestMs: 9000 }],
        blocking: [{ id: 'req-7', path: '/v1/chat/completions', model: 'qwen3', sinceMs: 61_000 }],
        progress: { phase: 'draining', elapsedMs: 9000, usualMs: 20_000 },
        failures: [failure],
      }),
      backendStatus({ name: 'gpu1', held: true }),
    ]
    const { url } = await serveOperations({ fleet })
    const { code, printed } = await run(url, ['status'])
    expect(code).toBe(0)
    expect(printed).toContain('vllm-chill 1.2.3, up ')
    expect(printed).toMatch(
      /gpu0 +switchingModel\.draining, draining 9 s of ~20 s +qwen3 → deepseek +1 +deepseek 3 .*deepseek waits/,
    )
    expect(printed).toMatch(/gpu1 +cold \(held\) +- +0 +0 /)
    expect(printed).toContain('gpu0 waits for request req-7 (/v1/chat/completions, qwen3)')
    expect(printed).toContain('deepseek failed to start 2 times in a row (exited): exit code 1')
    expect(printed).toContain('  | CUDA out of memory')
    expect(printed).toContain('models/broken.yaml: modelName is missing')
  })

  it('--json prints what the API says', async () => {
    const { url } = await serveOperations()
    const { printed } = await run(url, ['status', '--json'])
    expect(JSON.parse(printed)).toMatchObject({ version: '1.2.3', backends: [{ name: 'gpu0' }] })
  })

  it('--url goes before the environment, and may end in a slash', async () => {
    const { url } = await serveOperations()
    const { code } = await run('http://127.0.0.1:1', ['status', `--url=${url}/`])
    expect(code).toBe(0)
  })

  it('sends the token as it was written, from flag or environment', async () => {
    const { url } = await serveOperations({ token: '0123' })
    expect((await run(url, ['status', '--token', '0123'])).code).toBe(0)
    expect((await run(url, ['status'], { VLLM_CHILL_OPERATIONS_TOKEN: '0123' })).code).toBe(0)
    const refused = await run(url, ['status'])
    expect(refused.code).toBe(1)
    expect(refused.said).toContain('no token was given; use --token or VLLM_CHILL_OPERATIONS_TOKEN')
  })
})

describe('models', () => {
  it('prints where each model is and why it failed', async () => {
    const fleet = new FakeFleet()
    fleet.backends = [backendStatus({ state: 'ready.quiet', model: 'qwen3', failures: [failure] })]
    const { url } = await serveOperations({ fleet })
    const { code, printed } = await run(url, ['models'])
    expect(code).toBe(0)
    expect(printed).toMatch(/qwen3 +coder +gpu0 ready\.quiet +0 +0 +5 min +models\/qwen3\.yaml/)
    expect(printed).toContain('(exited): exit code 1')
    expect(JSON.parse((await run(url, ['models', '--json'])).printed).models).toHaveLength(2)
  })
})

describe('switch', () => {
  it('waits until the model is ready and tells each step once', async () => {
    const starting = backendStatus({ state: 'scalingUp', model: 'qwen3', generation: 1 })
    const fleet = movingFleet(
      [starting],
      [starting],
      [backendStatus({ state: 'ready.quiet', model: 'qwen3', generation: 1 })],
    )
    const { url } = await serveOperations({ fleet })
    const { code, printed, said } = await run(url, ['switch', 'coder'])
    expect(code).toBe(0)
    expect(fleet.commands).toEqual([{ switch: { model: 'qwen3' } }])
    expect(said).toBe('gpu0: scalingUp\n')
    expect(printed).toMatch(/^qwen3 is ready on gpu0 after \d+ ms$/)
  })

  it('is over with the reason when the start fails', async () => {
    const fleet = movingFleet([
      backendStatus({ failures: [{ ...failure, at: '2026-11-24T06:05:00.000Z' }] }),
    ])
    fleet.backends = [backendStatus({ failures: [failure] })]
    const { url } = await serveOperations({ fleet })
    const { code, said } = await run(url, ['switch', 'deepseek'])
    expect(code).toBe(1)
    expect(said).toContain('(exited): exit code 1')
    expect(said).toContain('| CUDA out of memory')
  })

  it('a failed start is told in JSON as well', async () => {
    const failed = { ...failure, at: '2026-11-24T05:00:09.000Z' }
    const fleet = movingFleet([backendStatus({ failures: [failed] })])
    const { url } = await serveOperations({ fleet })
    const { code, printed } = await run(url, ['switch', 'deepseek', '--json'])
    expect(code).toBe(1)
    expect(JSON.parse(printed).backends[0].failures).toMatchObject([{ reason: 'exited' }])
  })

  it('an unknown model is told the known ones', async () => {
    const { url } = await serveOperations()
    const { code, said } = await run(url, ['switch', '42'])
    expect(code).toBe(1)
    expect(said).toBe('vllm-chill: No model "42". Known: qwen3, deepseek.\n')
  })

  it('--no-wait returns once accepted', async () => {
    const { url, fleet } = await serveOperations()
    expect(await run(url, ['switch', 'qwen3', '--no-wait'])).toEqual({
      code: 0,
      printed: 'accepted: switching to qwen3',
      said: '',
    })
    expect(fleet.commands).toHaveLength(1)
    const { printed } = await run(url, ['switch', 'qwen3', '--no-wait', '--json'])
    expect(JSON.parse(printed)).toMatchObject({ status: 'accepted', model: 'qwen3' })
  })
})

describe('start and stop', () => {
  it('stop waits until the backend is cold', async () => {
    const fleet = movingFleet(
      [backendStatus({ state: 'idle.scalingDown', model: 'qwen3' })],
      [backendStatus({ held: true })],
    )
    const { url } = await serveOperations({ fleet })
    const { code, printed } = await run(url, ['stop', '--backend', 'gpu0', '--hold'])
    expect(code).toBe(0)
    expect(fleet.commands).toEqual([{ stop: { backend: 'gpu0', hold: true } }])
    expect(printed).toMatch(/^done: stopping gpu0 until started again, after/)
  })

  it('stop is done when somebody has already woken the backend again', async () => {
    const up = { state: 'ready.serving', model: 'qwen3', generation: 1 }
    const fleet = movingFleet(
      [backendStatus({ ...up, state: 'idle.scalingDown' })],
      [backendStatus({ ...up, generation: 2 })],
    )
    fleet.backends = [backendStatus(up)]
    const { url } = await serveOperations({ fleet })
    expect((await run(url, ['stop', '--model', 'qwen3'])).code).toBe(0)
  })

  it('stopping a model that runs nowhere is done at once', async () => {
    const { url } = await serveOperations()
    expect((await run(url, ['stop', '--model', 'deepseek'])).code).toBe(0)
  })

  it('start takes the hold off', async () => {
    const fleet = movingFleet([backendStatus({ held: true })], [backendStatus()])
    fleet.backends = [backendStatus({ held: true })]
    const { url } = await serveOperations({ fleet })
    const { code, printed } = await run(url, ['start', '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(printed).backends).toMatchObject([{ held: false }])
  })

  it('start says of what stays cold that it loads nothing until somebody asks', async () => {
    const fleet = movingFleet([backendStatus({ state: 'cold', held: false })])
    const { url } = await serveOperations({ fleet })
    const { code, printed } = await run(url, ['start', '--backend', 'gpu0'])
    expect(code).toBe(0)
    expect(printed).toBe('gpu0 is free to load what is asked for; --model loads one now')
  })

  it('start --model waits for the model', async () => {
    const fleet = movingFleet([backendStatus({ state: 'ready.quiet', model: 'qwen3' })])
    const { url } = await serveOperations({ fleet })
    expect((await run(url, ['start', '--model', 'qwen3'])).code).toBe(0)
    expect(fleet.commands).toEqual([{ start: { model: 'qwen3' } }])
  })

  it('an unknown backend is an error', async () => {
    const { url } = await serveOperations()
    const { code, said } = await run(url, ['stop', '--backend', 'gpu9'])
    expect([code, said]).toEqual([1, 'vllm-chill: no backend "gpu9"\n'])
  })
})

describe('something else that listens there', () => {
  async function serve(answer: RequestListener) {
    const server = createServer(answer)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  it.each([
    [200, '<html>'],
    [404, '{"detail":"Not Found"}'],
    [500, 'null'],
  ])('that answers %d %s is not taken for vllm-chill', async (status, body) => {
    const url = await serve((_, response) => void response.writeHead(status).end(body))
    const { code, said } = await run(url, ['status'])
    expect(code).toBe(1)
    expect(said).toBe(
      `vllm-chill: ${url} answers, but not as vllm-chill does (/proxy/status: HTTP ${status}).\n`,
    )
  })

  it('that hangs up is named with the reason', async () => {
    const url = await serve((request) => void request.socket.destroy())
    const { code, said } = await run(url, ['models'])
    expect(code).toBe(1)
    expect(said).toMatch(/cannot be reached: .+/)
  })
})
