import { expect, test } from 'vitest'
import type { ApiError } from '../../../src/simulator/api-error.ts'
import { checkSampling } from '../../../src/simulator/sampling.ts'

/** What vLLM 0.32.0 answered to the same fields; test/vllm asks it again. */
test.each([
  [{ max_tokens: 0 }, 'max_tokens'],
  [{ max_completion_tokens: -1 }, 'max_tokens'],
  [{ max_tokens: 513 }, 'max_tokens'],
  [{ max_tokens: 'many' }, 'body.max_tokens'],
  [{ max_tokens: 4, min_tokens: 9 }, null],
  [{ temperature: -1 }, 'temperature'],
  [{ temperature: 'hot' }, 'body.temperature'],
  [{ top_p: 0 }, 'top_p'],
  [{ top_k: -5 }, null],
  [{ presence_penalty: 9 }, null],
  [{ n: 0 }, null],
  [{ n: 2, temperature: 0 }, null],
  [{ stop: ['a', ''] }, null],
  [{ stream_options: {} }, 'stream_options'],
  [{ top_logprobs: 2 }, 'top_logprobs'],
  [{ logprobs: true, top_logprobs: 21 }, 'logprobs'],
  [{ logprobs: -2 }, 'logprobs'],
  [{ response_format: { type: 'json_schema' } }, 'response_format'],
  [{ response_format: { type: 'nothing' } }, 'body.response_format.type'],
])('%j is refused, and said to be about %s', (body, param) => {
  const refusal = refusalOf(body)
  expect(refusal).toMatchObject({ status: 400, param })
})

test.each([
  {},
  { max_tokens: 512, min_tokens: 512, top_p: 1, top_k: -1, temperature: 0 },
  { n: 2, temperature: 1, stop: 'a' },
  { stream: true, stream_options: {} },
  { stream_options: null, n: null },
  { logprobs: true, top_logprobs: 20, response_format: { type: 'json_object' } },
])('%j is not', (body) => {
  expect(refusalOf(body)).toBeUndefined()
})

function refusalOf(body: Readonly<Record<string, unknown>>): ApiError | undefined {
  try {
    checkSampling(body, 512)
    return undefined
  } catch (error) {
    return error as ApiError
  }
}
