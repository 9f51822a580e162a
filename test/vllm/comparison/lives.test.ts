import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { ask, stream } from '../../integration/serve/conversation.ts'
import { modelFolders } from '../environment/cache.ts'
import { memberOf } from '../group.ts'
import { until, within } from '../patience.ts'
import { streamsOf } from './ends.ts'
import { followHealth, type Health } from './health.ts'
import { metricsOf, runningIn } from './metrics.ts'
import { pictureOf, shapeOf } from './picture.ts'
import { few, hi, model } from './request.ts'
import { startOriginal, startSimulated, type Launched, type Server } from './servers.ts'

const words = [modelFolders.small, '--served-model-name', model, '--max-model-len', '512']
/** More than is said before anybody can intervene. */
const manyTokens = 400
const endless = { stream: true, max_tokens: manyTokens, ignore_eos: true }
/** From a client's leave, or from an end that hangs, to what follows from it, ms. */
const soonMs = 5_000

let gpuLock: string

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lives-'))
  gpuLock = join(folder, 'gpu.lock')
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
})

type Start = (more?: readonly string[], onLaunch?: (launched: Launched) => void) => Promise<Server>

const startReal: Start = (more = [], onLaunch) => startOriginal([...words, ...more], onLaunch)

/** Its tokens come as slowly as those of a CPU. */
const startOurs: Start = (more = [], onLaunch) =>
  startSimulated(
    [...words, ...more, '--itl', '20ms', '--load-time', '1s', '--gpu-lock', gpuLock],
    onLaunch,
  )

test('a server with --shutdown-timeout lives as the original does, from before it listens until it is gone', async () => {
  const { metrics, workedOnMs, ...original } = await lifeOf(startReal)
  const simulator = await lifeOf(startOurs)
  // Nobody listens while it loads; and nothing tells that it drains, though it takes no more requests.
  expect(original.health).toEqual(['no answer', '200 ""', 'no answer'])
  expect(original.whileDraining).toMatchObject({ status: 500, models: 200 })
  expect(original.end).toEqual({ finish: 'length', isWhole: true, exit: { code: 0, signal: null } })
  expect(workedOnMs).toBeLessThan(soonMs)

  expect(simulator).toMatchObject(original)
  expect(simulator.workedOnMs).toBeLessThan(soonMs)
  // It has those that somebody reads; what it has is as the original's.
  const invented = simulator.metrics.filter((metric) => !metrics.includes(metric))
  expect(invented).toEqual([])
  expect(metrics).toContain('vllm:num_requests_running gauge engine,model_name')
})

async function lifeOf(start: Start) {
  let health: Health | undefined
  const server = await start(['--shutdown-timeout', '120'], (launched) => {
    health = followHealth(launched)
  })
  onTestFinished(() => server.end())
  const { url } = server
  const models = shapeOf(await (await fetch(`${url}/v1/models`)).json())
  const metrics = await metricsOf(url)
  const workedOnMs = await abandonStream(url)

  const long = stream(server, model, manyTokens)
  await long.begun
  process.kill(server.pid, 'SIGTERM')
  await until(async () => !(await ask(server, model, few)).ok)
  const whileDraining = {
    ...(await pictureOf(url, {
      name: 'in vain',
      path: '/v1/chat/completions',
      body: { model, messages: hi, ...few },
    })),
    models: (await fetch(`${url}/v1/models`)).status,
  }
  const { finish, tokens } = await long.done
  const exit = await server.exited
  await health?.complete
  const end = { finish, isWhole: tokens > manyTokens / 2, exit }
  return { health: health?.seen, models, metrics, workedOnMs, whileDraining, end }
}

/** A client that goes in mid-stream; resolves with how long the engine works on, ms. */
async function abandonStream(url: string): Promise<number> {
  const gone = new AbortController()
  const answer = await ask({ url }, model, endless, { signal: gone.signal })
  await answer.body!.getReader().read()
  expect(await runningIn(url)).toBe(1)
  gone.abort()
  const begun = performance.now()
  await until(async () => (await runningIn(url)) === 0)
  return performance.now() - begun
}

test('without --shutdown-timeout a SIGTERM leaves no stream whole, and no process when the clients have gone', async () => {
  const original = await endOf(startReal)
  const simulator = await endOf(startOurs)
  // A race in vLLM: the engine tells of the abort, its death is told, or it is killed before anybody is.
  expect(['abort', 'lost', 'silence']).toContain(original.finish)
  expect(simulator.finish).toBe('abort')
  for (const { exit } of [original, simulator]) expect(exit).toEqual({ code: 0, signal: null })
})

async function endOf(start: Start) {
  const server = await start()
  onTestFinished(() => server.end())
  const gone = new AbortController()
  const answer = await ask(server, model, endless, { signal: gone.signal })
  const text = answer.body!.pipeThrough(new TextDecoderStream()).getReader()
  await text.read()
  process.kill(server.pid, 'SIGTERM')
  const finish = await within(soonMs, finishOf(text))
  gone.abort()
  return { finish: finish ?? 'silence', exit: await server.exited }
}

/** The `finish_reason` of a stream that is read to its end, or `lost` where an error stands in its place. */
async function finishOf(text: ReadableStreamDefaultReader<string>): Promise<string | undefined> {
  let all = ''
  for (let part = await text.read(); !part.done; part = await text.read()) all += part.value
  expect(all).toMatch(/data: \[DONE\]\n\n$/)
  return all.includes('"error"') ? 'lost' : /"finish_reason":"(\w+)"/.exec(all)?.[1]
}

test('a server that loses its engine tells everybody who waits, and ends as if nothing were wrong', async () => {
  const original = await lossOf(startReal, 'VLLM::EngineCore')
  const simulator = await lossOf(startOurs, '--gpu-worker')
  expect(original.exit).toEqual({ code: 0, signal: null })
  expect(simulator).toEqual(original)
})

async function lossOf(start: Start, engine: 'VLLM::EngineCore' | '--gpu-worker') {
  const server = await start()
  onTestFinished(() => server.end())
  const streams = await streamsOf(server.url, manyTokens)
  const whole = ask(server, model, { ...endless, stream: false })
  await until(async () => (await runningIn(server.url)) === streams.length + 1)
  process.kill(await memberOf(server.pid, engine), 'SIGKILL')
  const ends = await Promise.all(streams.map((end) => end()))
  const answer = await whole
  return {
    ends,
    whole: { status: answer.status, body: shapeOf(await answer.json()) },
    exit: await server.exited,
  }
}
