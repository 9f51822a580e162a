import type { Answer, Tool, ToolChoice } from '../answer.ts'
import { invalidField } from '../api-error.ts'
import { checkMaxTokens, readNumber } from '../sampling.ts'
import { unusedFields } from './usage-counts.ts'
import { endsWithToolResult, readConversation } from '../conversation.ts'
import {
  type Json,
  isObject,
  optionalCount,
  optionalFlag,
  optionalList,
  optionalText,
  required,
} from '../fields.ts'
import { type Simulation, checkLength, newId, plan, readModel, unixTime } from '../simulation.ts'

/** A request of the Responses API that was understood. */
export interface ResponseRequest {
  readonly promptTokens: number
  readonly answer: Answer
  readonly itemId: string
  readonly callId: string
  /** The response document in one of its states. */
  document(status: string, said: readonly string[]): Json
}

export const statusOf = (end: 'stop' | 'length' | 'abort'): string =>
  ({ stop: 'completed', length: 'incomplete', abort: 'cancelled' })[end]

export function readResponseRequest(simulation: Simulation, body: Json): ResponseRequest {
  const input = required(body, 'input')
  if (typeof input !== 'string' && !Array.isArray(input)) {
    throw invalidField('string_type', 'input', 'Input should be a valid string or list')
  }
  const items: readonly unknown[] = typeof input === 'string' ? [input] : input
  const model = readModel(simulation, body)
  const { said, promptTokens } = readConversation(items, body['instructions'])
  checkLength(simulation, promptTokens)
  const tools = readTools(body)
  const toolChoice = readToolChoice(body['tool_choice'])
  readNumber(body, 'temperature')
  const maxTokens = optionalCount(body, 'max_output_tokens', -Infinity)
  if (maxTokens !== undefined) checkMaxTokens(maxTokens)
  const answer = plan(simulation, {
    said,
    tools,
    toolChoice: toolChoice === 'auto' && endsWithToolResult(items) ? 'none' : toolChoice,
    maxTokens,
    minTokens: 0,
    ignoreEos: optionalFlag(body, 'ignore_eos'),
    stop: [],
  })
  const ids = { itemId: newId(answer.kind === 'text' ? 'msg' : 'fc'), callId: newId('call') }
  const head = {
    id: newId('resp').replace('-', '_'),
    object: 'response',
    created_at: unixTime(),
    model,
    background: optionalFlag(body, 'background'),
    instructions: body['instructions'] ?? null,
    metadata: body['metadata'] ?? null,
    parallel_tool_calls: true,
    previous_response_id: optionalText(body, 'previous_response_id') ?? null,
    max_output_tokens: maxTokens ?? null,
    temperature: body['temperature'] ?? 1,
    top_p: body['top_p'] ?? 1,
    tool_choice: body['tool_choice'] ?? 'auto',
    tools: body['tools'] ?? [],
    truncation: 'disabled',
    frequency_penalty: body['frequency_penalty'] ?? 0,
    presence_penalty: body['presence_penalty'] ?? 0,
    service_tier: 'auto',
    ...unusedDocumentFields,
  }
  return {
    promptTokens,
    answer,
    ...ids,
    document: (status, words) => ({
      ...head,
      status,
      incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
      output: words.length > 0 ? [outputItem(answer, ids, words.join(''), itemStatus(status))] : [],
      usage: ['queued', 'in_progress'].includes(status)
        ? null
        : usageOf(promptTokens, words.length),
    }),
  }
}

/** What is said is complete even where the response is not. */
const itemStatus = (status: string) => (status === 'incomplete' ? 'completed' : status)

/** Fields that vLLM has in every document and that only unusual requests fill. */
const unusedDocumentFields = {
  input_messages: null,
  max_tool_calls: null,
  output_messages: null,
  prompt: null,
  reasoning: null,
  text: null,
  top_logprobs: null,
  user: null,
  ...unusedFields,
}

export function outputItem(
  answer: Answer,
  { itemId, callId }: { readonly itemId: string; readonly callId: string },
  said: string,
  status: string,
): Json {
  if (answer.kind === 'tool') {
    const call = { call_id: callId, name: answer.tool, arguments: said }
    return { id: itemId, type: 'function_call', ...call, status }
  }
  const content = [{ type: 'output_text', text: said, annotations: [], logprobs: null }]
  return { id: itemId, type: 'message', role: 'assistant', status, content, phase: null }
}

function readTools(body: Json): Tool[] {
  return optionalList(body, 'tools').flatMap((tool) =>
    isObject(tool) && tool['type'] === 'function'
      ? [
          {
            name: String(tool['name']),
            parameters: isObject(tool['parameters']) ? tool['parameters'] : {},
          },
        ]
      : [],
  )
}

function readToolChoice(value: unknown): ToolChoice {
  if (value === 'none' || value === 'required') return value
  return isObject(value) && typeof value['name'] === 'string' ? { name: value['name'] } : 'auto'
}

const usageOf = (inputTokens: number, outputTokens: number) => ({
  input_tokens: inputTokens,
  input_tokens_details: {
    cached_tokens: 0,
    cache_write_tokens: 0,
    input_tokens_per_turn: [],
    cached_tokens_per_turn: [],
  },
  output_tokens: outputTokens,
  output_tokens_details: {
    reasoning_tokens: 0,
    tool_output_tokens: 0,
    output_tokens_per_turn: [],
    tool_output_tokens_per_turn: [],
  },
  total_tokens: inputTokens + outputTokens,
})
