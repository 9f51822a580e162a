import type { Answer, Tool, ToolChoice } from '../answer.ts'
import { badRequest, invalidField } from '../api-error.ts'
import { endsWithToolResult, readConversation } from '../conversation.ts'
import { openEventStream } from '../event-stream.ts'
import {
  type Json,
  isObject,
  optionalCount,
  optionalFlag,
  optionalList,
  optionalTexts,
  required,
  requiredList,
} from '../fields.ts'
import {
  type Exchange,
  type Simulation,
  checkLength,
  newId,
  plan,
  readModel,
  sendJson,
  speak,
} from '../simulation.ts'

const emptyConversation =
  'Cannot apply chat template to an empty conversation. Provide at least one message.'

interface MessageRequest {
  readonly id: string
  readonly model: string
  readonly promptTokens: number
  readonly answer: Answer
}

/** `POST /v1/messages`, Anthropic's API. */
export async function createMessage(exchange: Exchange, simulation: Simulation): Promise<void> {
  const { body, signal, res } = exchange
  required(body, 'max_tokens')
  const request = readRequest(simulation, body)
  if (optionalFlag(body, 'stream')) {
    await streamMessage(exchange, simulation, request)
    return
  }
  const { answer, promptTokens } = request
  const said: string[] = []
  const end = await speak(simulation, signal, promptTokens, answer, (token) => {
    said.push(token)
  })
  sendJson(res, 200, {
    ...head(request),
    content: [block(answer, newId('toolu'), said.join(''))],
    ...withoutNull(ending(answer, end)),
    usage: { input_tokens: promptTokens, output_tokens: said.length },
  })
}

/** `POST /v1/messages/count_tokens` */
export function countMessageTokens({ body, res }: Exchange, simulation: Simulation): void {
  const { promptTokens } = readRequest(simulation, body)
  const context_management = { original_input_tokens: promptTokens }
  sendJson(res, 200, { input_tokens: promptTokens, context_management })
}

function readRequest(simulation: Simulation, body: Json): MessageRequest {
  required(body, 'model')
  const messages = requiredList(body, 'messages')
  checkRoles(messages)
  const model = readModel(simulation, body)
  if (messages.length === 0) throw badRequest(emptyConversation)
  const { said, promptTokens } = readConversation(messages, body['system'])
  checkLength(simulation, promptTokens)
  const toolChoice = readToolChoice(body['tool_choice'])
  return {
    id: newId('chatcmpl'),
    model,
    promptTokens,
    answer: plan(simulation, {
      said,
      tools: readTools(body),
      toolChoice: toolChoice === 'auto' && endsWithToolResult(messages) ? 'none' : toolChoice,
      maxTokens: optionalCount(body, 'max_tokens', 1),
      minTokens: 0,
      ignoreEos: false,
      stop: optionalTexts(body, 'stop_sequences'),
    }),
  }
}

function checkRoles(messages: readonly unknown[]): void {
  for (const [index, message] of messages.entries()) {
    if (isObject(message) && ['user', 'assistant', 'system'].includes(String(message['role'])))
      continue
    const problem = "Input should be 'user', 'assistant' or 'system'"
    throw invalidField('literal_error', `messages.${index}.role`, problem)
  }
}

function readTools(body: Json): Tool[] {
  return optionalList(body, 'tools').map((tool) => {
    if (isObject(tool) && typeof tool['name'] === 'string') {
      const parameters = isObject(tool['input_schema']) ? tool['input_schema'] : {}
      return { name: tool['name'], parameters }
    }
    throw invalidField('missing', 'tools', 'Field required: name')
  })
}

function readToolChoice(value: unknown): ToolChoice {
  const type = isObject(value) ? value['type'] : 'auto'
  if (type === 'any') return 'required'
  if (type === 'none') return 'none'
  return isObject(value) && type === 'tool' ? { name: String(value['name']) } : 'auto'
}

const head = ({ id, model }: MessageRequest) => ({ id, type: 'message', role: 'assistant', model })

const block = (answer: Answer, id: string, said: string) =>
  answer.kind === 'text'
    ? { type: 'text', text: said }
    : { type: 'tool_use', id, name: answer.tool, input: said === '' ? {} : inputOf(said) }

/** A call that was cut has half a JSON document. */
function inputOf(said: string): unknown {
  try {
    return JSON.parse(said)
  } catch {
    return {}
  }
}

/** A whole message leaves `stop_sequence` out where a streamed one says null. */
const withoutNull = ({ stop_reason, stop_sequence }: ReturnType<typeof ending>) =>
  stop_sequence === null ? { stop_reason } : { stop_reason, stop_sequence }

function ending(answer: Answer, end: 'stop' | 'length' | 'abort') {
  const natural = answer.kind === 'tool' ? 'tool_use' : 'end_turn'
  const stopped = answer.stopString === null ? natural : 'stop_sequence'
  return {
    stop_reason: end === 'length' ? 'max_tokens' : stopped,
    stop_sequence: end === 'length' ? null : answer.stopString,
  }
}

async function streamMessage(exchange: Exchange, simulation: Simulation, request: MessageRequest) {
  const { answer, promptTokens } = request
  const events = openEventStream(exchange, simulation)
  const send = (type: string, fields: Json) => events.send({ type, ...fields }, type)
  let said = 0
  await send('message_start', {
    message: {
      ...head(request),
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: promptTokens, output_tokens: 0 },
    },
  })
  const end = await speak(
    simulation,
    exchange.signal,
    promptTokens,
    answer,
    async (token, index) => {
      if (index === 0) {
        const content_block = block(answer, newId('toolu'), '')
        await send('content_block_start', { index: 0, content_block })
      }
      said += 1
      const delta =
        answer.kind === 'text'
          ? { type: 'text_delta', text: token }
          : { type: 'input_json_delta', partial_json: token }
      await send('content_block_delta', { index: 0, delta })
    },
  )
  if (said > 0) await send('content_block_stop', { index: 0 })
  await send('message_delta', {
    delta: ending(answer, end),
    usage: { input_tokens: promptTokens, output_tokens: said },
  })
  await send('message_stop', {})
  events.end()
}
