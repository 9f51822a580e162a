import { type Json, isObject } from '../fields.ts'

/** OpenAI's `usage`, in vLLM's order. */
export function usageOf(promptTokens: number, completionTokens: number) {
  return {
    prompt_tokens: promptTokens,
    total_tokens: promptTokens + completionTokens,
    completion_tokens: completionTokens,
    prompt_tokens_details: null,
  }
}

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
