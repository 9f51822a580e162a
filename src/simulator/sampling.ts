import { badRequest, invalidField } from './api-error.ts'
import { type Json, isObject, optionalCount, optionalFlag } from './fields.ts'

/** vLLM's `--max-logprobs`. */
const maxLogprobs = 20

/**
 * Refuses what vLLM refuses of the fields that both text APIs share, with its words and its `param`,
 * which it does not always give.
 * @param contextTokens the explicit `--max-model-len`
 */
export function checkSampling(body: Json, contextTokens: number | undefined): void {
  checkStream(body)
  checkLimits(body, contextTokens)
  const temperature = readNumber(body, 'temperature')
  const top_p = readNumber(body, 'top_p') ?? 1
  const top_k = readNumber(body, 'top_k') ?? 0
  if (temperature !== undefined && temperature < 0) {
    refuse('temperature', `temperature must be non-negative, got ${temperature}.`, temperature)
  }
  if (top_p <= 0 || top_p > 1) refuse('top_p', `top_p must be in (0, 1], got ${top_p}.`, top_p)
  if (top_k < -1) throw badRequest(`top_k must be 0 (disable), or at least 1, got ${top_k}.`)
  for (const name of ['presence_penalty', 'frequency_penalty']) {
    const penalty = readNumber(body, name) ?? 0
    if (Math.abs(penalty) > 2) throw badRequest(`${name} must be in [-2, 2], got ${penalty}.`)
  }
  const n = optionalCount(body, 'n', -Infinity) ?? 1
  if (n < 1) throw badRequest(`n must be at least 1, got ${n}.`)
  if (n > 1 && temperature === 0) {
    throw badRequest(`n must be 1 when using greedy sampling, got ${n}.`)
  }
  if ([body['stop']].flat().includes('')) throw badRequest('stop cannot contain an empty string.')
  checkLogprobs(body)
  checkFormat(body['response_format'])
}

function checkStream(body: Json): void {
  const options = body['stream_options'] ?? undefined
  if (options === undefined || optionalFlag(body, 'stream')) return
  refuse('stream_options', 'Stream options can only be defined when `stream=True`.')
}

function checkLimits(body: Json, contextTokens = Infinity): void {
  for (const name of ['max_completion_tokens', 'max_tokens']) {
    const limit = optionalCount(body, name, -Infinity)
    if (limit === undefined) continue
    checkMaxTokens(limit)
    if (limit > contextTokens) {
      const problem = `max_tokens=${limit} cannot be greater than max_model_len=${contextTokens}. Please request fewer output tokens.`
      refuse('max_tokens', problem, limit)
    }
    const least = optionalCount(body, 'min_tokens') ?? 0
    if (least > limit) {
      throw badRequest(
        `min_tokens must be less than or equal to max_tokens=${limit}, got ${least}.`,
      )
    }
  }
}

export function checkMaxTokens(limit: number): void {
  if (limit < 1) refuse('max_tokens', `max_tokens must be at least 1, got ${limit}.`, limit)
}

/** A flag and a number in chat, a number in text completions. */
function checkLogprobs(body: Json): void {
  const top = readNumber(body, 'top_logprobs') ?? 0
  const wanted = typeof body['logprobs'] === 'number' ? body['logprobs'] : top
  if (top > 0 && body['logprobs'] !== true) {
    refuse('top_logprobs', 'when using `top_logprobs`, `logprobs` must be set to true.')
  }
  if (wanted < -1) refuse('logprobs', '`logprobs` must be a positive value or -1.', wanted)
  if (wanted > maxLogprobs) {
    const problem = `Requested sample logprobs of ${wanted}, which is greater than max allowed: ${maxLogprobs}`
    refuse('logprobs', problem, wanted)
  }
}

function checkFormat(format: unknown): void {
  if (!isObject(format)) return
  if (!['text', 'json_object', 'json_schema', 'structural_tag'].includes(String(format['type']))) {
    const problem = "Input should be 'text', 'json_object' or 'json_schema'"
    throw invalidField('literal_error', 'response_format.type', problem)
  }
  if (format['type'] !== 'json_schema' || isObject(format['json_schema'])) return
  const problem =
    "When response_format type is 'json_schema', the 'json_schema' field must be provided."
  refuse('response_format', problem)
}

export function readNumber(body: Json, name: string): number | undefined {
  const value = body[name] ?? undefined
  if (value === undefined || typeof value === 'number') return value
  const problem = 'Input should be a valid number, unable to parse string as a number'
  throw invalidField('float_parsing', name, problem)
}

/** vLLM's own checks repeat what they are about behind the sentence. */
function refuse(param: string, problem: string, value?: number): never {
  const about = value === undefined ? '' : `, value=${value}`
  throw badRequest(`${problem} (parameter=${param}${about})`, param)
}
