import type { IncomingMessage, ServerResponse } from 'node:http'
import { ApiError, badRequest, engineLost, unknownModel } from './api-error.ts'
import type { Answer, Wish } from './answer.ts'
import { planAnswer } from './answer.ts'
import type { SimulatorOptions } from './arguments.ts'
import type { Engine } from './engine.ts'
import type { Faults } from './faults.ts'
import { type Json, optionalText } from './fields.ts'
import type { Metrics } from './metrics.ts'
import type { Sleep } from './sleep.ts'
import type { StoredResponses } from './stored-responses.ts'

/** What every endpoint sees of the running server. */
export interface Simulation {
  readonly options: SimulatorOptions
  readonly engine: Engine
  readonly metrics: Metrics
  readonly faults: Faults
  readonly sleep: Sleep
  readonly responses: StoredResponses
  /** Unix time in seconds. */
  readonly startedAt: number
  /** Ends the whole server as a crash would. */
  die(reason: string): void
}

/** One request on its way. */
export interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly url: URL
  /** Aborted when the client leaves before the answer is complete. */
  readonly signal: AbortSignal
  /** Parsed JSON body; empty for routes that take none. */
  readonly body: Json
  /** Body as it came. */
  readonly raw: Buffer
}

export type Handler = (exchange: Exchange, simulation: Simulation) => Promise<void> | void

/** vLLM's default when neither a flag nor the model says how long a context may be. */
const defaultModelLength = 32_768

export const modelLength = ({ options }: Simulation): number =>
  options.maxModelLen ?? defaultModelLength

/**
 * The model that a body names, or the served one if it names none.
 * @throws ApiError vLLM's 404 for a model that is not served here
 */
export function readModel({ options }: Simulation, body: Json): string {
  const name = optionalText(body, 'model') ?? ''
  if (name === '') return options.servedNames[0]
  if (options.servedNames.includes(name)) return name
  throw unknownModel(name, options.servedNames)
}

/** Refuses a prompt that fills the context; only with an explicit `--max-model-len`. */
export function checkLength({ options }: Simulation, promptTokens: number): void {
  const limit = options.maxModelLen
  if (limit === undefined || promptTokens < limit) return
  throw badRequest(
    `This model's maximum context length is ${limit} tokens. However, your prompt contains at least ` +
      `${promptTokens} input tokens, which exceeds this limit even without any output tokens. ` +
      `Please reduce the length of the input prompt. (parameter=input_tokens, value=${promptTokens})`,
    'input_tokens',
  )
}

export function plan({ options, sleep }: Simulation, wish: Wish): Answer {
  return planAnswer(options.servedNames[0], wish, options.garbage || sleep.scrambled)
}

/**
 * Runs an answer through the engine and counts how it ended.
 * @returns `abort` when the client left or the engine threw it out
 * @throws ApiError vLLM's 500 when the engine dies, or is dead
 */
export async function speak(
  { engine, metrics }: Simulation,
  signal: AbortSignal,
  promptTokens: number,
  answer: Pick<Answer, 'tokens' | 'finish'>,
  say: (token: string, index: number) => Promise<void> | void = () => {},
): Promise<'stop' | 'length' | 'abort'> {
  const outcome = await engine.run({ promptTokens, tokens: answer.tokens, signal }, say)
  if (outcome === 'lost') throw engineLost()
  const reason = outcome === 'aborted' ? 'abort' : answer.finish
  metrics.finished(reason)
  return reason
}

/** Work without tokens: embeddings, scores and the like. Throws when it was cut. */
export async function compute(simulation: Simulation, signal: AbortSignal, promptTokens: number) {
  const end = await speak(simulation, signal, promptTokens, { tokens: [], finish: 'stop' })
  if (end === 'abort') throw new ApiError(500, 'InternalServerError', 'Request was aborted')
}

export function sendJson(res: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body)
  res.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  })
  res.end(text)
}

/** `chatcmpl-…`, as vLLM forms its ids. */
export const newId = (prefix: string): string =>
  `${prefix}-${crypto.randomUUID().replaceAll('-', '')}`

export const unixTime = (): number => Math.floor(Date.now() / 1000)
