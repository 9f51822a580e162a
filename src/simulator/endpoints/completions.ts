import type { Answer } from '../answer.ts'
import { badRequest, invalidField } from '../api-error.ts'
import { openEventStream } from '../event-stream.ts'
import { type Json, optionalCount, optionalFlag, optionalTexts } from '../fields.ts'
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
import { checkSampling } from '../sampling.ts'
import {
  chunkUsageOf,
  readStreamOptions,
  systemFingerprint,
  unusedFields,
  usageOf,
} from './usage-counts.ts'

const noPrompt = 'Either prompt or prompt_embeds must be provided and non-empty. (parameter=prompt)'

/** vLLM's default for text completions. */
const defaultMaxTokens = 16

/** `POST /v1/completions` */
export async function completions(exchange: Exchange, simulation: Simulation): Promise<void> {
  const { body, signal, res } = exchange
  const model = readModel(simulation, body)
  checkSampling(body, simulation.options.maxModelLen)
  const given = body['prompt'] ?? ''
  if (given === '') throw badRequest(noPrompt, 'prompt')
  const prompts = readPrompts(given)
  const promptTokens = prompts.reduce((sum, prompt) => sum + countTokens(prompt), 0)
  checkLength(simulation, promptTokens)
  const each = optionalCount(body, 'n') ?? 1
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
    const choices = answers.map((answer, index) => ({
      ...choice(index, answer, answer.tokens.join(''), ends[index]),
      prompt_logprobs: null,
      routed_experts: null,
    }))
    const said = answers.reduce((sum, { tokens }) => sum + tokens.length, 0)
    sendJson(res, 200, {
      ...head,
      choices,
      service_tier: null,
      system_fingerprint: systemFingerprint,
      usage: usageOf(promptTokens, said),
      ...unusedFields,
      metrics: null,
    })
    return
  }
  const { includeUsage } = readStreamOptions(body)
  // On the last chunk, whichever that is.
  const ending = includeUsage ? {} : { system_fingerprint: systemFingerprint }
  const stream = openEventStream(exchange, simulation)
  let said = 0
  await Promise.all(
    answers.map(async (answer, index) => {
      const end = await speak(
        simulation,
        signal,
        share(promptTokens, index),
        answer,
        (token, at) => {
          said += 1
          // The last token that fits brings the end with it, as in chat.
          const last = answer.finish === 'length' && at === answer.tokens.length - 1
          const choices = [choice(index, answer, token, last ? 'length' : null)]
          return stream.send({ ...head, choices, ...(last ? ending : {}) })
        },
      )
      if (end !== 'length')
        await stream.send({ ...head, choices: [choice(index, answer, '', end)], ...ending })
    }),
  )
  if (includeUsage) {
    const usage = chunkUsageOf(promptTokens, said)
    await stream.send({ ...head, choices: [], usage, system_fingerprint: systemFingerprint })
  }
  stream.end('[DONE]')
}

/** The prompt is counted once, though several sequences answer it. */
const share = (promptTokens: number, index: number) => (index === 0 ? promptTokens : 0)

function choice(index: number, answer: Answer, text: string, end: string | null = null) {
  const stop_reason = end === null ? null : answer.stopString
  return {
    index,
    text,
    logprobs: null,
    finish_reason: end,
    stop_reason,
    prompt_token_ids: null,
    token_ids: null,
  }
}

/** A string, tokens, or a list of either. */
export function readPrompts(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (Array.isArray(value) && value.length === 0)
    throw badRequest('You must pass at least one prompt')
  if (Array.isArray(value)) {
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
  maxTokens: optionalCount(body, 'max_tokens') ?? defaultMaxTokens,
  minTokens: optionalCount(body, 'min_tokens') ?? 0,
  ignoreEos: optionalFlag(body, 'ignore_eos'),
  stop: optionalTexts(body, 'stop'),
})
