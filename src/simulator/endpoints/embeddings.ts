import {
  type Exchange,
  type Simulation,
  compute,
  newId,
  readModel,
  sendJson,
  unixTime,
} from '../simulation.ts'
import { badRequest } from '../api-error.ts'
import { textOf } from '../conversation.ts'
import { type Json, optionalCount, optionalText, requiredList } from '../fields.ts'
import { countTokens, splitTokens, tokenId } from '../tokens.ts'
import { readPrompts } from './completions.ts'

const defaultDimensions = 16

/** `POST /v1/embeddings`: the direction of a text is that of its words, so equal texts are equal. */
export async function embeddings(exchange: Exchange, simulation: Simulation): Promise<void> {
  const { body, signal, res } = exchange
  const texts = readInputs(body)
  const model = readModel(simulation, body)
  const format = optionalText(body, 'encoding_format') ?? 'float'
  if (format !== 'float' && format !== 'base64') {
    throw badRequest(`unknown encoding_format: ${format}`, 'encoding_format')
  }
  const dimensions = optionalCount(body, 'dimensions', 1) ?? defaultDimensions
  const tokens = texts.reduce((sum, text) => sum + countTokens(text), 0)
  await compute(simulation, signal, tokens)
  sendJson(res, 200, {
    id: newId('embd'),
    object: 'list',
    created: unixTime(),
    model,
    data: texts.map((text, index) => {
      const vector = vectorOf(text, dimensions)
      return {
        index,
        object: 'embedding',
        embedding: format === 'base64' ? base64(vector) : vector,
      }
    }),
    usage: {
      prompt_tokens: tokens,
      total_tokens: tokens,
      completion_tokens: 0,
      prompt_tokens_details: null,
    },
  })
}

/** `POST /v2/embed`, Cohere's form. */
export async function cohereEmbed(exchange: Exchange, simulation: Simulation): Promise<void> {
  const { body, signal, res } = exchange
  const texts = requiredList(body, 'texts').map((text) => textOf(text))
  readModel(simulation, body)
  const tokens = texts.reduce((sum, text) => sum + countTokens(text), 0)
  await compute(simulation, signal, tokens)
  const float = texts.map((text) => vectorOf(text, defaultDimensions))
  const meta = { api_version: { version: '2' }, billed_units: { input_tokens: tokens } }
  sendJson(res, 200, { id: newId('embd'), embeddings: { float }, texts, meta })
}

/** `POST /pooling`: the same without a norm. */
export async function pooling(exchange: Exchange, simulation: Simulation): Promise<void> {
  const { body, signal, res } = exchange
  const texts = readInputs(body)
  const model = readModel(simulation, body)
  const tokens = texts.reduce((sum, text) => sum + countTokens(text), 0)
  await compute(simulation, signal, tokens)
  sendJson(res, 200, {
    id: newId('pool'),
    object: 'list',
    created: unixTime(),
    model,
    data: texts.map((text, index) => ({
      index,
      object: 'pooling',
      data: vectorOf(text, defaultDimensions),
    })),
    usage: {
      prompt_tokens: tokens,
      total_tokens: tokens,
      completion_tokens: 0,
      prompt_tokens_details: null,
    },
  })
}

/** `input`, or the messages of a conversation. */
function readInputs(body: Json): string[] {
  if (body['messages'] !== undefined) return [textOf(requiredList(body, 'messages'))]
  return readPrompts(body['input'])
}

function vectorOf(text: string, dimensions: number): number[] {
  const vector = Array.from({ length: dimensions }, () => 0)
  for (const token of splitTokens(text)) {
    const id = tokenId(token.trim())
    vector[id % dimensions] = (vector[id % dimensions] ?? 0) + 1
  }
  const length = Math.hypot(...vector) || 1
  return vector.map((value) => value / length)
}

const base64 = (vector: readonly number[]): string =>
  Buffer.from(Float32Array.from(vector).buffer).toString('base64')
