import { invalidField } from '../api-error.ts'
import { textOf } from '../conversation.ts'
import { optionalCount, optionalFlag, optionalList, optionalText, requiredList } from '../fields.ts'
import {
  type Exchange,
  type Simulation,
  modelLength,
  newId,
  plan,
  readModel,
  sendJson,
  speak,
} from '../simulation.ts'
import { isObject } from '../fields.ts'
import { splitTokens, tokenId, tokenOf } from '../tokens.ts'

/** `POST /tokenize`: of a prompt or of messages. */
export function tokenize({ body, res }: Exchange, simulation: Simulation): void {
  readModel(simulation, body)
  const prompt = optionalText(body, 'prompt')
  const messages = optionalList(body, 'messages')
  if (prompt === undefined && messages.length === 0) {
    throw invalidField('missing', 'prompt', 'Field required')
  }
  const text = prompt ?? textOf(messages)
  const words = splitTokens(text)
  sendJson(res, 200, {
    count: words.length,
    max_model_len: modelLength(simulation),
    tokens: words.map((word) => tokenId(word)),
    token_strs: optionalFlag(body, 'return_token_strs') ? words : null,
  })
}

/** `POST /detokenize` */
export function detokenize({ body, res }: Exchange, simulation: Simulation): void {
  readModel(simulation, body)
  sendJson(res, 200, { prompt: readTokens(requiredList(body, 'tokens'), 'tokens') })
}

/** `POST /inference/v1/generate`: tokens in, tokens out. */
export async function generate(exchange: Exchange, simulation: Simulation): Promise<void> {
  const { body, signal, res } = exchange
  readModel(simulation, body)
  const ids = requiredList(body, 'token_ids')
  const sampling = isObject(body['sampling_params']) ? body['sampling_params'] : {}
  const answer = plan(simulation, {
    said: readTokens(ids, 'token_ids'),
    tools: [],
    toolChoice: 'none',
    maxTokens: optionalCount(sampling, 'max_tokens', 1),
    minTokens: optionalCount(sampling, 'min_tokens') ?? 0,
    ignoreEos: optionalFlag(sampling, 'ignore_eos'),
    stop: [],
  })
  const finish_reason = await speak(simulation, signal, ids.length, answer)
  const token_ids = answer.tokens.map((token) => tokenId(token))
  const choices = [{ index: 0, logprobs: null, finish_reason, token_ids }]
  sendJson(res, 200, { request_id: newId('generate-tokens'), choices, prompt_logprobs: null })
}

function readTokens(ids: readonly unknown[], name: string): string {
  const wrong = ids.findIndex((id) => !Number.isInteger(id))
  if (wrong < 0) return ids.map((id) => tokenOf(Number(id))).join('')
  throw invalidField('int_type', `${name}.${wrong}`, 'Input should be a valid integer')
}
