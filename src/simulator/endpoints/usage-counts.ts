import { type Json, isObject } from '../fields.ts'

/** OpenAI's `usage`, in vLLM's order. */
export function usageOf(promptTokens: number, completionTokens: number) {
  return {
    prompt_tokens: promptTokens,
    total_tokens: promptTokens + completionTokens,
    completion_tokens: completionTokens,
    prompt_tokens_details: null,
    completion_tokens_details: null,
  }
}

/** The usage on the last chunk of a stream, which leaves the details out. */
export function chunkUsageOf(promptTokens: number, completionTokens: number) {
  return {
    prompt_tokens: promptTokens,
    total_tokens: promptTokens + completionTokens,
    completion_tokens: completionTokens,
  }
}

/** vLLM's build; it stands in whole answers and on the chunk with the usage. */
export const systemFingerprint = 'vllm-0.32.0-simulated'

/** What vLLM adds to every whole answer, filled only for engines that share their cache. */
export const unusedFields = { kv_transfer_params: null, ec_transfer_params: null }

export interface StreamOptions {
  /** A last chunk without choices that carries the usage. */
  readonly includeUsage: boolean
  /** vLLM's own: the usage so far on every chunk. */
  readonly continuousUsage: boolean
}

export function readStreamOptions(body: Json): StreamOptions {
  const options = isObject(body['stream_options']) ? body['stream_options'] : {}
  const includeUsage = options['include_usage'] === true
  return {
    includeUsage,
    continuousUsage: includeUsage && options['continuous_usage_stats'] === true,
  }
}
