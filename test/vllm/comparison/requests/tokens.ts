import { few, hi, model, posts } from '../request.ts'

const tokenize = posts(
  '/tokenize',
  { model },
  {
    prompt: { prompt: 'once upon' },
    messages: { messages: hi },
    'with the tokens as text': { prompt: 'once upon', return_token_strs: true },
    'unknown model': { model: 'nobody', prompt: 'once' },
    nothing: {},
    'prompt a number': { prompt: 7 },
  },
)

const detokenize = posts(
  '/detokenize',
  { model },
  {
    tokens: { tokens: [20, 21] },
    none: { tokens: [] },
    'not tokens': { tokens: ['a'] },
    'no tokens': {},
    'unknown model': { model: 'nobody', tokens: [20] },
  },
)

const { ignore_eos, max_tokens } = few
const sampling_params = { ignore_eos, max_tokens }
const generate = posts(
  '/inference/v1/generate',
  { model, token_ids: [20, 21], sampling_params },
  {
    plain: {},
    'no tokens': { token_ids: undefined },
    'no sampling parameters': { sampling_params: undefined },
    'unknown model': { model: 'nobody' },
  },
)

const invocations = posts(
  '/invocations',
  { model, ...few },
  {
    'of messages': { messages: hi },
    'of a prompt': { prompt: 'once' },
    'of nothing known': {},
  },
)

export const tokenRequests = [...tokenize, ...detokenize, ...generate, ...invocations]
