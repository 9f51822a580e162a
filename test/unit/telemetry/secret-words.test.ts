import { expect, it } from 'vitest'
import { withoutSecretWords } from '../../../src/telemetry/index.ts'

it.each([
  // What vLLM writes first of all: every argument that is not its default.
  [
    "non-default args: {'model_tag': 'org/m', 'api_key': ['sk-1', 'sk-2'], 'port': 8000, 'hf_token': 'hf_1'}",
    "non-default args: {'model_tag': 'org/m', 'api_key': '(not shown)', 'port': 8000, 'hf_token': '(not shown)'}",
  ],
  [
    "Namespace(api_key=['sk-1', 'sk-2'], hf_token=None, max_num_seqs=16)",
    'Namespace(api_key=(not shown), hf_token=None, max_num_seqs=16)',
  ],
  ['{"api_key": "sk-1"}', '{"api_key": "(not shown)"}'],
  ['HF_TOKEN=hf_1 vllm serve', 'HF_TOKEN=(not shown) vllm serve'],
  ['loading s3://me:key@host/m', 'loading s3://(not shown)@host/m'],
  ["'max_tokens': 16, max_tokens=16", "'max_tokens': 16, max_tokens=16"],
])('%s', (text, shown) => {
  expect(withoutSecretWords(text)).toBe(shown)
})
