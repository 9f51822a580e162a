import { few, hi, model, posts, tooLong, weather } from '../request.ts'

const path = '/v1/chat/completions'
const base = { model, messages: hi, ...few }
const streamed = { stream: true }

const answered = posts(path, base, {
  plain: {},
  'no model': { model: undefined },
  'model null': { model: null },
  'model empty': { model: '' },
  'a second name': { model: 'little' },
  max_completion_tokens: { max_tokens: undefined, max_completion_tokens: 4 },
  'two choices': { n: 2, temperature: 1 },
  logprobs: { logprobs: true },
  'top logprobs': { logprobs: true, top_logprobs: 2 },
  'system and history': {
    messages: [
      { role: 'system', content: 'be brief' },
      ...hi,
      { role: 'assistant', content: 'yes' },
      ...hi,
    ],
  },
  developer: { messages: [{ role: 'developer', content: 'be brief' }, ...hi] },
  'parts of text': { messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }] },
  'stop that does not come': { stop: ['never said'] },
  seed: { seed: 7 },
  penalties: { presence_penalty: 1, frequency_penalty: -1, repetition_penalty: 1.1 },
  'user and metadata': { user: 'me', metadata: { a: 'b' } },
  'an unknown field': { no_such_field: 1 },
  'tools, never chosen': { tools: [weather], tool_choice: 'none' },
  'tools, left to the model': { tools: [weather] },
  'logit bias': { logit_bias: { '20': 5 } },
  'stream_options null': { stream_options: null },
  'n null': { n: null },
  'return token ids': { return_token_ids: true },
  'prompt logprobs': { prompt_logprobs: 1 },
  'priority zero': { priority: 0 },
  'request id of its own': { request_id: 'mine' },
})

const streams = posts(
  path,
  { ...base, ...streamed },
  {
    stream: {},
    'stream with usage': { stream_options: { include_usage: true } },
    'stream with usage on each chunk': {
      stream_options: { include_usage: true, continuous_usage_stats: true },
    },
    'stream without usage': { stream_options: { include_usage: false } },
    'stream of two choices': { n: 2, temperature: 1 },
    'stream with logprobs': { logprobs: true, top_logprobs: 1 },
    'stream with tools left alone': { tools: [weather], tool_choice: 'none' },
    'stream of one token': { max_tokens: 1 },
  },
)

const refused = posts(path, base, {
  'unknown model': { model: 'nobody' },
  'unknown model, streamed': { model: 'nobody', ...streamed },
  'model a number': { model: 7 },
  'no messages': { messages: undefined },
  'messages empty': { messages: [] },
  'messages text': { messages: 'hi' },
  'a message that is text': { messages: ['hi'] },
  'a message without role': { messages: [{ content: 'hi' }] },
  'a message of an unknown role': { messages: [{ role: 'nobody', content: 'hi' }] },
  'content a number': { messages: [{ role: 'user', content: 7 }] },
  'a part of an unknown kind': { messages: [{ role: 'user', content: [{ type: 'nothing' }] }] },
  'a picture': {
    messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:,x' } }] }],
  },
  'max_tokens zero': { max_tokens: 0 },
  'max_tokens negative': { max_tokens: -1 },
  'max_tokens text': { max_tokens: 'many' },
  'max_tokens broken': { max_tokens: 1.5 },
  'max_tokens beyond the context': { max_tokens: 100_000 },
  'a prompt too long': { messages: [{ role: 'user', content: tooLong }] },
  'a prompt too long, streamed': { messages: [{ role: 'user', content: tooLong }], ...streamed },
  'temperature negative': { temperature: -1 },
  'temperature text': { temperature: 'hot' },
  'top_p zero': { top_p: 0 },
  'top_p above one': { top_p: 1.5 },
  'n zero': { n: 0 },
  'n text': { n: 'two' },
  'two choices of the same': { n: 2 },
  'stream text': { stream: 'perhaps' },
  'stream_options without stream': { stream_options: { include_usage: true } },
  'stop a number': { stop: 7 },
  'stop empty text': { stop: '' },
  'min_tokens above max_tokens': { min_tokens: 9 },
  'top_logprobs without logprobs': { top_logprobs: 2 },
  'too many top_logprobs': { logprobs: true, top_logprobs: 1000 },
  'tool_choice without tools': { tool_choice: 'required' },
  'tool_choice of an unknown tool': {
    tools: [weather],
    tool_choice: { type: 'function', function: { name: 'nobody' } },
  },
  'tool_choice an unknown word': { tools: [weather], tool_choice: 'maybe' },
  'tools without function': { tools: [{ type: 'function' }] },
  'tools text': { tools: 'weather' },
  'response_format unknown': { response_format: { type: 'nothing' } },
  'response_format without schema': { response_format: { type: 'json_schema' } },
  'logit bias out of range': { logit_bias: { '999999': 5 } },
  'top_k below minus one': { top_k: -5 },
  'presence_penalty too high': { presence_penalty: 9 },
})

const batch = posts(
  '/v1/chat/completions/batch',
  { model, ...few },
  {
    'two conversations': { messages: [hi, hi] },
    'one conversation not in a list': { messages: hi },
    none: { messages: [] },
    'unknown model': { model: 'nobody', messages: [hi] },
    streamed: { messages: [hi], stream: true },
  },
)

export const chatRequests = [...answered, ...streams, ...refused, ...batch]
