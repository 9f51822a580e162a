import { hi, model, posts, tooLong, weather } from '../request.ts'

/** The two APIs of agents: OpenAI's Responses and Anthropic's Messages. */
const responses = posts(
  '/v1/responses',
  { model, input: 'hi', max_output_tokens: 2 },
  {
    plain: {},
    'no model': { model: undefined },
    'input a list': { input: [{ role: 'user', content: 'hi' }] },
    'input of parts': {
      input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] }],
    },
    instructions: { instructions: 'be brief' },
    stream: { stream: true },
    'unknown model': { model: 'nobody' },
    'no input': { input: undefined },
    'input a number': { input: 7 },
    'input too long': { input: tooLong },
    'max_output_tokens text': { max_output_tokens: 'many' },
    'max_output_tokens zero': { max_output_tokens: 0 },
    'an unknown previous response': { previous_response_id: 'resp_nobody' },
    'in the background': { background: true },
    'temperature text': { temperature: 'hot' },
  },
)

const messages = posts(
  '/v1/messages',
  { model, messages: hi, max_tokens: 4 },
  {
    plain: {},
    system: { system: 'be brief' },
    'system of parts': { system: [{ type: 'text', text: 'be brief' }] },
    stream: { stream: true },
    'no model': { model: undefined },
    'unknown model': { model: 'nobody' },
    'no max_tokens': { max_tokens: undefined },
    'max_tokens zero': { max_tokens: 0 },
    'no messages': { messages: undefined },
    'messages empty': { messages: [] },
    'an unknown role': { messages: [{ role: 'nobody', content: 'hi' }] },
    'a prompt too long': { messages: [{ role: 'user', content: tooLong }] },
    tools: {
      tools: [
        { name: 'weather', description: 'Weather', input_schema: weather.function.parameters },
      ],
      tool_choice: { type: 'none' },
    },
  },
)

const counts = posts(
  '/v1/messages/count_tokens',
  { model, messages: hi },
  {
    plain: {},
    'unknown model': { model: 'nobody' },
    'no messages': { messages: undefined },
  },
)

const stored = [
  { name: 'a response nobody knows', path: '/v1/responses/resp_nobody' },
  { name: 'a response with a strange id', path: '/v1/responses/nobody' },
  {
    name: 'to cancel a response nobody knows',
    path: '/v1/responses/resp_nobody/cancel',
    method: 'POST',
  },
]

export const agentRequests = [...responses, ...messages, ...counts, ...stored]
