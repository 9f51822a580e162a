import { expect, onTestFinished, test } from 'vitest'
import { stream } from '../../integration/serve/conversation.ts'
import { until } from '../../integration/serve/log-lines.ts'
import { modelFolders } from '../environment/cache.ts'
import { startOriginal, startSimulated, type Original } from './original.ts'
import { shapeOf } from './picture.ts'

const words = [modelFolders.small, '--served-model-name', 'small', '--max-model-len', '512']
/** The simulator's tokens come as slowly as those of a busy CPU. */
const slow = ['--itl', '20ms', '--load-time', '1s']
const manyTokens = 400

type Start = (more: readonly string[], ask?: (url: string) => Promise<void>) => Promise<Original>

const servers: Record<'original' | 'simulator', Start> = {
  original: (more, ask) => startOriginal([...words, ...more], ask),
  simulator: (more, ask) => startSimulated([...words, ...slow, ...more], ask),
}

/** What `/health` says, without repetitions. */
async function healthOf(url: string, seen: string[]): Promise<void> {
  const now = await fetch(`${url}/health`).then(
    async (answer) => `${answer.status} ${JSON.stringify(await answer.text())}`,
    () => 'no answer',
  )
  if (seen.at(-1) !== now) seen.push(now)
}

/** Names of what vLLM itself measures, without those that the client library adds. */
async function metricNames(url: string): Promise<ReadonlySet<string>> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const names = [...text.matchAll(/^# TYPE (vllm:\w+) (\w+)$/gm)].map(
    ([, name, type]) => `${name} ${type}`,
  )
  return new Set(names.filter((name) => !name.includes('_created')))
}

async function running(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(/^vllm:num_requests_running\{[^}]*\} (\S+)$/m.exec(text)?.[1])
}

/** A client that goes in mid-stream; resolves with how long the engine works on, ms. */
async function abandonStream(url: string): Promise<number> {
  const gone = new AbortController()
  const answer = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'small',
      prompt: 'hi',
      stream: true,
      max_tokens: manyTokens,
      ignore_eos: true,
    }),
    signal: gone.signal,
  })
  await answer.body!.getReader().read()
  expect(await running(url)).toBe(1)
  gone.abort()
  const begun = performance.now()
  await until(async () => (await running(url)) === 0)
  return performance.now() - begun
}

async function lifeOf(start: Start) {
  const health: string[] = []
  const server = await start(['--shutdown-timeout', '60'], (url) => healthOf(url, health))
  onTestFinished(() => server.end())
  const { url } = server
  await healthOf(url, health)
  const models = shapeOf(await (await fetch(`${url}/v1/models`)).json())
  const metrics = await metricNames(url)
  const workedOnMs = await abandonStream(url)

  const long = stream(server, 'small', manyTokens)
  await long.begun
  process.kill(server.pid, 'SIGTERM')
  const { finish, tokens } = await long.done
  const exit = await server.exited
  await healthOf(url, health)
  return {
    health,
    models,
    metrics,
    workedOnMs,
    end: { finish, isWhole: tokens > manyTokens / 2, exit },
  }
}

test('the life of a server, from before it listens until it is gone, is that of the original', async () => {
  const original = await lifeOf(servers.original)
  const simulator = await lifeOf(servers.simulator)
  expect(original.health).toEqual(['no answer', '200 ""', 'no answer'])
  expect(simulator.health).toEqual(original.health)
  expect(simulator.models).toEqual(original.models)
  // SIGTERM with `--shutdown-timeout`: what runs ends by itself, then the server with 0.
  expect(original.end).toEqual({ finish: 'length', isWhole: true, exit: { code: 0, signal: null } })
  expect(simulator.end).toEqual(original.end)
  expect(original.workedOnMs).toBeLessThan(3_000)
  expect(simulator.workedOnMs).toBeLessThan(3_000)
  const invented = [...simulator.metrics].filter((name) => !original.metrics.has(name))
  expect(invented).toEqual([])
  expect([...simulator.metrics]).toContain('vllm:num_requests_running gauge')
})

test('without --shutdown-timeout, SIGTERM ends a stream early, and its last event says so', async () => {
  const ends = []
  for (const start of [servers.original, servers.simulator]) {
    const server = await start([])
    onTestFinished(() => server.end())
    const long = stream(server, 'small', manyTokens)
    await long.begun
    process.kill(server.pid, 'SIGTERM')
    const finish = await long.done.then(
      (whole) => whole.finish,
      // Where the engine is gone before the front has asked it to abort, on a busy machine.
      (error: Error) => (error.message.includes('EngineCore') ? 'an error event' : error.message),
    )
    ends.push({ finish, isWhole: long.tokens === manyTokens })
    await server.exited
  }
  const [original, simulator] = ends
  expect(['abort', 'an error event']).toContain(original?.finish)
  expect(original?.isWhole).toBe(false)
  expect(simulator).toEqual({ finish: 'abort', isWhole: false })
})
