import type { Answer } from '../answer.ts'
import { invalidField } from '../api-error.ts'
import { openEventStream } from '../event-stream.ts'
import { type Json, optionalCount, optionalFlag, optionalTexts, required } from '../fields.ts'
import {
  type Exchange,
  type Simulation,
  checkLength,
  newId,
  plan,
  readModel,
  sendJson,
  speak,
  unixTime,
} from '../simulation.ts'
import { countTokens, tokenOf } from '../tokens.ts'
import { readStreamOptions, usageOf } from './usage-counts.ts'

/** vLLM's default for text completions. */
const defaultMaxTokens = 16

/** `POST /v1/completions` */
export async function completions(exchange: Exchange, simulation: Simulation): Promise<void> {
  const { body, signal, res } = exchange
  const prompts = readPrompts(required(body, 'prompt'))
  const model = readModel(simulation, body)
  const promptTokens = prompts.reduce((sum, prompt) => sum + countTokens(prompt), 0)
  checkLength(simulation, promptTokens)
  const each = optionalCount(body, 'n', 1) ?? 1
  const answers = prompts.flatMap((prompt) =>
    Array.from({ length: each }, () => plan(simulation, readWish(body, prompt))),
  )
  const id = newId('cmpl')
  const created = unixTime()
  const head = { id, object: 'text_completion', created, model }
  if (!optionalFlag(body, 'stream')) {
    const ends = await Promise.all(
      answers.map((answer, index) => speak(simulation, signal, share(promptTokens, index), answer)),
    )
    const choices = answers.map((answer, index) =>
      choice(index, answer, answer.tokens.join(''), ends[index]),
    )
    const said = answers.reduce((sum, { tokens }) => sum + tokens.length, 0)
    sendJson(res, 200, { ...head, choices, usage: usageOf(promptTokens, said) })
    return
  }
  const { includeUsage } = readStreamOptions(body)
  const stream = openEventStream(exchange, simulation)
  let said = 0
  await Promise.all(
    answers.map(async (answer, index) => {
      const end = await speak(simulation, signal, share(promptTokens, index), answer, (token) => {
        said += 1
        return stream.send({ ...head, choices: [choice(index, answer, token)] })
      })
      await stream.send({ ...head, choices: [choice(index, answer, '', end)] })
    }),
  )
  if (includeUsage) await stream.send({ ...head, choices: [], usage: usageOf(promptTokens, said) })
  stream.end('[DONE]')
}

/** The prompt is counted once, though several sequences answer it. */
const share = (promptTokens: number, index: number) => (index === 0 ? promptTokens : 0)

function choice(index: number, answer: Answer, text: string, end: string | null = null) {
  const stop_reason = end === null ? null : answer.stopString
  return { index, text, logprobs: null, finish_reason: end, stop_reason }
}

/** A string, tokens, or a list of either. */
export function readPrompts(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (Array.isArray(value) && value.length > 0) {
    if (value.every((item) => typeof item === 'string')) return value
    if (value.every((item) => Number.isInteger(item))) {
      return [value.map((id) => tokenOf(Number(id))).join('')]
    }
    if (value.every((item) => Array.isArray(item)))
      return value.flatMap((item) => readPrompts(item))
  }
  throw invalidField('string_type', 'prompt', 'Input should be a valid string or list of tokens')
}

const readWish = (body: Json, prompt: string) => ({
  said: prompt,
  tools: [],
  toolChoice: 'none' as const,
  maxTokens: optionalCount(body, 'max_tokens', 1) ?? defaultMaxTokens,
  minTokens: optionalCount(body, 'min_tokens') ?? 0,
  ignoreEos: optionalFlag(body, 'ignore_eos'),
  stop: optionalTexts(body, 'stop'),
})
