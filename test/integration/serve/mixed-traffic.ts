import { expect } from 'vitest'
import { saying } from './conversation.ts'
import type { LogLine } from './log-lines.ts'
import type { Serving } from './program.ts'

export interface Traffic {
  /** Served names, the most asked first: each half as often as the one before. */
  readonly models: readonly string[]
  readonly clients: number
  readonly seconds: number
  /** Of the longest stream. */
  readonly tokens: number
}

/** One request and what came of it. */
interface Exchange {
  readonly model: string
  /** ms in the gate. */
  readonly waitedMs: number
  /** ms from the lease to the last byte. */
  readonly servedMs: number
  /** Undefined when all is as it should be. */
  readonly fault: string | undefined
}

/** Seconds of the long runs; a short one unless the environment says so. */
export const trafficSeconds = Number(process.env['TRAFFIC_SECONDS'] ?? 10)

/** A pool of two GPUs, and three backends of one model each: a, b and c. */
export const threeOnTwoGpus = {
  gpuPools: { main: { gpus: 2 } },
  backends: ['a', 'b', 'c'].map((model) => ({
    name: `of-${model}`,
    pool: 'main',
    models: [model],
  })),
}

/** Clients that ask one thing after the other, streamed or not, of any model, and look at every answer. */
export async function mixedTraffic(program: Serving, traffic: Traffic): Promise<Exchange[]> {
  const until = performance.now() + traffic.seconds * 1_000
  const exchanges: Exchange[] = []
  const client = async (number: number) => {
    for (let turn = 0; performance.now() < until; turn++) {
      exchanges.push(await exchange(program, traffic, `${number}.${turn}`))
    }
  }
  await Promise.all(Array.from({ length: traffic.clients }, (_, number) => client(number)))
  return exchanges
}

async function exchange(
  { url }: Serving,
  { models, tokens }: Traffic,
  said: string,
): Promise<Exchange> {
  const model = models[Math.min(models.length - 1, Math.floor(-Math.log2(Math.random())))]!
  const isStreamed = Math.random() < 0.5
  const length = 1 + Math.floor(Math.random() * tokens)
  const begunAt = performance.now()
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model,
      messages: saying(said),
      ...(isStreamed && { stream: true, max_tokens: length, ignore_eos: true }),
    }),
  })
  const text = await response.text()
  const waitedMs = Number(response.headers.get('x-vllm-chill-waited-ms') ?? 0)
  const servedMs = performance.now() - begunAt - waitedMs
  const fault = isStreamed ? faultOfStream(text, model, length) : faultOfAnswer(text, model, said)
  return { model, waitedMs, servedMs, fault: fault && `${response.status} ${fault}` }
}

function faultOfAnswer(text: string, model: string, said: string): string | undefined {
  const answer = JSON.parse(text) as { choices?: { message: { content: string } }[] }
  return answer.choices?.[0]?.message.content === `[${model}] you said: ${said}` ? undefined : text
}

function faultOfStream(text: string, model: string, length: number): string | undefined {
  const events = text.split('\n\n').filter((event) => event.startsWith('data: '))
  if (events.pop() !== 'data: [DONE]') return `not ended: ${text.slice(-300)}`
  const chunks = events.map(
    (event) =>
      JSON.parse(event.slice('data: '.length)) as {
        model?: string
        choices?: { delta: { content?: string } }[]
      },
  )
  const tokens = chunks.filter(({ choices }) => choices?.[0]?.delta.content).length
  const isRight = tokens === length && chunks.every((chunk) => chunk.model === model)
  return isRight ? undefined : `${tokens} tokens of ${length}: ${text.slice(0, 300)}`
}

/** What the bound on waiting is made of, beside what the run itself has measured. */
interface Bounding {
  readonly maxWaitMs: number
  readonly maxInFlight: number
  /** One of each model, and in a pool of GPUs one more. */
  readonly turns: number
}

/** What must hold after any traffic: nothing lost, nothing wrong, and nobody waited beyond the bound. */
export function expectFair(
  exchanges: readonly Exchange[],
  program: Serving,
  { clients, models }: Traffic,
  { maxWaitMs, maxInFlight, turns }: Bounding,
): void {
  expect(exchanges.flatMap(({ fault }) => fault ?? [])).toEqual([])
  for (const model of models) {
    expect(exchanges.filter((each) => each.model === model).length, model).toBeGreaterThan(0)
  }
  const longest = Math.max(...exchanges.map(({ waitedMs }) => waitedMs))
  const requestMs = Math.max(...exchanges.map(({ servedMs }) => servedMs))
  const servingMs = Math.ceil(clients / maxInFlight) * requestMs
  const turnMs = longestIn(program.log.all) + servingMs + requestMs
  // Of docs/architecture.md, with the times as this run had them.
  expect(longest).toBeLessThanOrEqual(maxWaitMs + servingMs + turns * turnMs)
}

/** ms that unloading one model and loading another took at most, by the program's own log. */
function longestIn(lines: readonly LogLine[]): number {
  const longest = (...states: string[]) => {
    const stays = lines.filter(({ from }) => states.includes(String(from)))
    return Math.max(0, ...stays.map(({ afterMs }) => Number(afterMs)))
  }
  const unloadMs = longest('switchingModel.unloading', 'idle.scalingDown')
  return unloadMs + longest('creatingResources') + longest('scalingUp')
}
