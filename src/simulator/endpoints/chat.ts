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
  optionalText,
  optionalTexts,
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
  unixTime,
} from '../simulation.ts'
import { checkSampling } from '../sampling.ts'
import {
  chunkUsageOf,
  readStreamOptions,
  systemFingerprint,
  unusedFields,
  usageOf,
} from './usage-counts.ts'

const emptyConversation =
  'Cannot apply chat template to an empty conversation. Provide at least one message.'

interface ChatRequest {
  readonly id: string
  readonly created: number
  readonly model: string
  readonly choices: number
  readonly promptTokens: number
  readonly answer: Answer
}

/** `POST /v1/chat/completions` */
export async function chatCompletions(exchange: Exchange, simulation: Simulation): Promise<void> {
  const { body } = exchange
  const request = readChat(simulation, body, requiredList(body, 'messages'))
  if (optionalFlag(body, 'stream')) {
    await streamChat(exchange, simulation, request)
    return
  }
  const said: string[] = []
  const end = await speak(
    simulation,
    exchange.signal,
    request.promptTokens,
    request.answer,
    (token) => {
      said.push(token)
    },
  )
  const { id, created, model, choices, promptTokens, answer } = request
  sendJson(exchange.res, 200, {
    id,
    object: 'chat.completion',
    created,
    model,
    choices: Array.from({ length: choices }, (_, index) => ({
      index,
      message: messageOf(answer, said.join('')),
      logprobs: null,
      finish_reason: finishReason(answer, end),
      stop_reason: answer.stopString,
      ...unusedChoiceFields,
    })),
    ...tail,
    usage: usageOf(promptTokens, said.length * choices),
  })
}

/** `POST /v1/chat/completions/batch`: several conversations, one choice for each. */
export async function chatBatch(exchange: Exchange, simulation: Simulation): Promise<void> {
  const { body, signal, res } = exchange
  const conversations = requiredList(body, 'messages')
  if (conversations.length === 0) {
    throw invalidField('too_short', 'messages', 'List should have at least 1 item')
  }
  const requests = conversations.map((messages, index) => {
    if (!Array.isArray(messages)) {
      throw invalidField('list_type', `messages.${index}`, 'Input should be a valid list')
    }
    return readChat(simulation, body, messages)
  })
  const ends = await Promise.all(
    requests.map(({ promptTokens, answer }) => speak(simulation, signal, promptTokens, answer)),
  )
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0)
  sendJson(res, 200, {
    id: newId('chatcmpl'),
    object: 'chat.completion',
    created: unixTime(),
    model: readModel(simulation, body),
    choices: requests.map(({ answer }, index) => ({
      index,
      message: messageOf(answer, answer.tokens.join('')),
      logprobs: null,
      finish_reason: finishReason(answer, ends[index] ?? 'abort'),
      stop_reason: answer.stopString,
      ...unusedChoiceFields,
    })),
    ...tail,
    usage: usageOf(
      sum(requests.map(({ promptTokens }) => promptTokens)),
      sum(requests.map(({ answer }) => answer.tokens.length)),
    ),
  })
}

function readChat(simulation: Simulation, body: Json, messages: readonly unknown[]): ChatRequest {
  const model = readModel(simulation, body)
  checkSampling(body, simulation.options.maxModelLen)
  if (messages.length === 0) throw badRequest(emptyConversation)
  checkMessages(messages)
  const { said, promptTokens } = readConversation(messages)
  checkLength(simulation, promptTokens)
  const tools = readTools(body)
  const toolChoice = readToolChoice(body['tool_choice'], tools)
  return {
    id: newId('chatcmpl'),
    created: unixTime(),
    model,
    choices: optionalCount(body, 'n') ?? 1,
    promptTokens,
    answer: plan(simulation, {
      said,
      tools,
      toolChoice: toolChoice === 'auto' && endsWithToolResult(messages) ? 'none' : toolChoice,
      maxTokens: optionalCount(body, 'max_completion_tokens') ?? optionalCount(body, 'max_tokens'),
      minTokens: optionalCount(body, 'min_tokens') ?? 0,
      ignoreEos: optionalFlag(body, 'ignore_eos'),
      stop: optionalTexts(body, 'stop'),
    }),
  }
}

/** The place that is named is the first of the kinds of message that were tried. */
function checkMessages(messages: readonly unknown[]): void {
  for (const [index, message] of messages.entries()) {
    const at = `messages.${index}.ChatCompletionDeveloperMessageParam`
    if (!isObject(message)) {
      throw invalidField('dict_type', at, 'Input should be a valid dictionary')
    }
    if (message['role'] === undefined) throw invalidField('missing', `${at}.role`, 'Field required')
    if (typeof message['content'] === 'number') {
      throw invalidField('string_type', `${at}.content`, 'Input should be a valid string')
    }
  }
}

function readTools(body: Json): Tool[] {
  return optionalList(body, 'tools').map((tool, index) => {
    const definition = isObject(tool) && isObject(tool['function']) ? tool['function'] : undefined
    if (definition === undefined) {
      throw invalidField('missing', `tools.${index}.function`, 'Field required')
    }
    const name = optionalText(definition, 'name')
    if (name === undefined) {
      throw invalidField('missing', `tools.${index}.function.name`, 'Field required')
    }
    return { name, parameters: isObject(definition['parameters']) ? definition['parameters'] : {} }
  })
}

function readToolChoice(value: unknown, tools: readonly Tool[]): ToolChoice {
  if (value === undefined || value === null || value === 'auto') return 'auto'
  if (value === 'none') return value
  if (tools.length === 0) {
    throw badRequest('When using `tool_choice`, `tools` must be set.', 'tool_choice')
  }
  if (value === 'required') return value
  const named = isObject(value) && isObject(value['function']) ? value['function']['name'] : ''
  if (tools.some(({ name }) => name === named)) return { name: String(named) }
  throw badRequest(
    'The tool specified in `tool_choice` does not match any of the specified `tools`',
    'tool_choice',
  )
}

/** Fields of a whole answer that only unusual requests fill. */
const tail = {
  service_tier: null,
  system_fingerprint: systemFingerprint,
  prompt_logprobs: null,
  prompt_token_ids: null,
  prompt_text: null,
  ...unusedFields,
  metrics: null,
}

const unusedChoiceFields = { token_ids: null, routed_experts: null }

function messageOf(answer: Answer, said: string) {
  const unused = { refusal: null, annotations: null, audio: null, function_call: null }
  const common = { role: 'assistant', ...unused, reasoning: null }
  if (answer.kind === 'text') return { ...common, content: said }
  return {
    ...common,
    content: null,
    tool_calls: [
      {
        id: newId('chatcmpl-tool'),
        type: 'function',
        function: { name: answer.tool, arguments: said },
      },
    ],
  }
}

const finishReason = (answer: Answer, end: 'stop' | 'length' | 'abort') =>
  answer.kind === 'tool' && end === 'stop' ? 'tool_calls' : end

async function streamChat(exchange: Exchange, simulation: Simulation, request: ChatRequest) {
  const { id, created, model, choices, promptTokens, answer } = request
  const { includeUsage, continuousUsage } = readStreamOptions(exchange.body)
  const stream = openEventStream(exchange, simulation)
  let said = 0
  const send = async (delta: Json, end: string | null = null, first = false) => {
    for (let index = 0; index < choices; index += 1) {
      await stream.send({
        id,
        object: 'chat.completion.chunk',
        created,
        model,
        choices: [
          {
            index,
            delta,
            logprobs: null,
            finish_reason: end,
            ...(end === null ? {} : { stop_reason: answer.stopString }),
            ...(first ? {} : { token_ids: null }),
          },
        ],
        ...(first ? { prompt_token_ids: null, prompt_text: null } : {}),
        // On the last chunk, whichever that is.
        ...(end === null || includeUsage ? {} : { system_fingerprint: systemFingerprint }),
        ...(continuousUsage
          ? {
              usage: {
                ...chunkUsageOf(promptTokens, said * choices),
                completion_tokens_details: null,
              },
            }
          : {}),
      })
    }
  }
  const callId = newId('chatcmpl-tool')
  const delta = (token: string, index: number): Json => {
    if (answer.kind === 'text') return { content: token }
    const start = { id: callId, type: 'function', index: 0 }
    return {
      tool_calls: [
        index === 0
          ? { ...start, function: { name: answer.tool, arguments: token } }
          : { index: 0, function: { arguments: token } },
      ],
    }
  }
  const end = await speak(
    simulation,
    exchange.signal,
    promptTokens,
    answer,
    async (token, index) => {
      if (index === 0) await send({ role: 'assistant', content: '' }, null, true)
      said += 1
      // The last token that fits brings the end with it; the token that means the end has no text.
      const last = answer.finish === 'length' && index === answer.tokens.length - 1
      await send(delta(token, index), last ? 'length' : null)
    },
  )
  if (end !== 'length') await send({ content: '' }, finishReason(answer, end))
  if (includeUsage) {
    await stream.send({
      id,
      object: 'chat.completion.chunk',
      created,
      model,
      choices: [],
      usage: chunkUsageOf(promptTokens, said * choices),
      system_fingerprint: systemFingerprint,
    })
  }
  stream.end('[DONE]')
}
