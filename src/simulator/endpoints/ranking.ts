import { invalidField } from '../api-error.ts'
import { textOf } from '../conversation.ts'
import { type Json, optionalCount, required, requiredList } from '../fields.ts'
import {
  type Exchange,
  type Simulation,
  compute,
  newId,
  readModel,
  sendJson,
  unixTime,
} from '../simulation.ts'
import { countTokens, splitTokens } from '../tokens.ts'
import { readPrompts } from './completions.ts'

/** `POST /rerank`, `/v1/rerank`, `/v2/rerank` */
export async function rerank(exchange: Exchange, simulation: Simulation): Promise<void> {
  const { body, signal, res } = exchange
  const query = textOf(required(body, 'query'))
  const documents = requiredList(body, 'documents').map((document) => textOf(document))
  const model = readModel(simulation, body)
  const top = optionalCount(body, 'top_n') || documents.length
  const tokens = countAll([query, ...documents])
  await compute(simulation, signal, tokens)
  const results = documents
    .map((text, index) => ({ index, document: { text }, relevance_score: likeness(query, text) }))
    .sort((one, other) => other.relevance_score - one.relevance_score)
    .slice(0, top)
  const usage = { prompt_tokens: tokens, total_tokens: tokens }
  sendJson(res, 200, { id: newId('rerank'), model, usage, results })
}

/** `POST /score`, `/v1/score`: one against many, or pairs. */
export async function score(exchange: Exchange, simulation: Simulation): Promise<void> {
  const { body, signal, res } = exchange
  const left = side(body, ['text_1', 'queries', 'data_1'])
  const right = side(body, ['text_2', 'documents', 'items', 'data_2'])
  const model = readModel(simulation, body)
  if (left.length !== 1 && left.length !== right.length) {
    throw invalidField('value_error', 'text_1', 'Input lengths must be either 1:1, 1:N or N:N')
  }
  const tokens = countAll([...left, ...right])
  await compute(simulation, signal, tokens)
  sendJson(res, 200, {
    ...listHead('score', model, tokens),
    data: right.map((text, index) => ({
      index,
      object: 'score',
      score: likeness(left[left.length === 1 ? 0 : index] ?? '', text),
    })),
  })
}

/** `POST /classify`: how many words, few or many. */
export async function classify(exchange: Exchange, simulation: Simulation): Promise<void> {
  const { body, signal, res } = exchange
  const texts = readPrompts(required(body, 'input'))
  const model = readModel(simulation, body)
  const tokens = countAll(texts)
  await compute(simulation, signal, tokens)
  sendJson(res, 200, {
    ...listHead('classify', model, tokens),
    data: texts.map((text, index) => {
      const short = 1 / (1 + countTokens(text))
      const label = short >= 0.5 ? 'LABEL_0' : 'LABEL_1'
      return { index, label, probs: [short, 1 - short], num_classes: 2 }
    }),
  })
}

/** `POST /generative_scoring`: items against one query. */
export async function generativeScoring(exchange: Exchange, simulation: Simulation): Promise<void> {
  const { body, signal, res } = exchange
  const query = textOf(required(body, 'query'))
  const items = readPrompts(required(body, 'items'))
  const model = readModel(simulation, body)
  const tokens = countAll([query, ...items])
  await compute(simulation, signal, tokens)
  sendJson(res, 200, {
    ...listHead('generative-scoring', model, tokens),
    data: items.map((text, index) => ({ index, object: 'score', score: likeness(query, text) })),
  })
}

function side(body: Json, names: readonly string[]): string[] {
  const name = names.find((candidate) => body[candidate] !== undefined) ?? names[0] ?? ''
  const value = required(body, name)
  return Array.isArray(value) ? value.map((item) => textOf(item)) : [textOf(value)]
}

const listHead = (kind: string, model: string, tokens: number) => ({
  id: newId(kind),
  object: 'list',
  created: unixTime(),
  model,
  usage: {
    prompt_tokens: tokens,
    total_tokens: tokens,
    completion_tokens: 0,
    prompt_tokens_details: null,
  },
})

const countAll = (texts: readonly string[]): number =>
  texts.reduce((sum, text) => sum + countTokens(text), 0)

/** Share of words in common, 0..1. */
function likeness(one: string, other: string): number {
  const words = (text: string) =>
    new Set(splitTokens(text).map((word) => word.trim().toLowerCase()))
  const left = words(one)
  const right = words(other)
  return left.intersection(right).size / (left.union(right).size || 1)
}
