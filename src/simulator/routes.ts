import { type ErrorShape, badRequest } from './api-error.ts'
import { audio } from './endpoints/audio.ts'
import { chatBatch, chatCompletions } from './endpoints/chat.ts'
import { completions } from './endpoints/completions.ts'
import { cohereEmbed, embeddings, pooling } from './endpoints/embeddings.ts'
import { health, load, metrics, models, version } from './endpoints/health.ts'
import { countMessageTokens, createMessage } from './endpoints/messages.ts'
import { classify, generativeScoring, rerank, score } from './endpoints/ranking.ts'
import { cancelResponse, createResponse, readResponse } from './endpoints/responses.ts'
import { collectiveRpc, fallAsleep, isSleeping, wakeUp } from './endpoints/sleep-mode.ts'
import { detokenize, generate, tokenize } from './endpoints/tokenization.ts'
import type { Handler } from './simulation.ts'

export interface Route {
  readonly handler: Handler
  readonly takes: 'json' | 'form' | 'nothing'
  /** Needs the engine: refused while asleep, and what the faults happen to. */
  readonly inference: boolean
  readonly errors: ErrorShape
}

type Methods = Readonly<Record<string, Route>>

const get = (handler: Handler): Methods => ({
  GET: { handler, takes: 'nothing', inference: false, errors: 'openai' },
})

const command = (handler: Handler): Methods => ({
  POST: { handler, takes: 'nothing', inference: false, errors: 'openai' },
})

const post = (handler: Handler, rest: Partial<Route> = {}): Methods => ({
  POST: { handler, takes: 'json', inference: true, errors: 'openai', ...rest },
})

/** SageMaker's single door: the body's fields say which endpoint is meant. */
const invocations: Handler = (exchange, simulation) => {
  const { body } = exchange
  if (body['messages'] !== undefined) return chatCompletions(exchange, simulation)
  if (body['prompt'] !== undefined) return completions(exchange, simulation)
  if (body['documents'] !== undefined) return rerank(exchange, simulation)
  if (body['text_1'] !== undefined) return score(exchange, simulation)
  if (body['input'] !== undefined) return embeddings(exchange, simulation)
  throw badRequest('Cannot find suitable handler for request. Expected one of the known fields')
}

const routes: Readonly<Record<string, Methods>> = {
  '/health': get(health),
  '/ping': { ...get(health), ...command(health) },
  '/version': get(version),
  '/load': get(load),
  '/metrics': get(metrics),
  '/v1/models': get(models),
  '/v1/chat/completions': post(chatCompletions),
  '/v1/chat/completions/batch': post(chatBatch),
  '/v1/completions': post(completions),
  '/v1/responses': post(createResponse),
  '/v1/messages': post(createMessage, { errors: 'anthropic' }),
  '/v1/messages/count_tokens': post(countMessageTokens, { errors: 'anthropic', inference: false }),
  '/v1/embeddings': post(embeddings),
  '/v2/embed': post(cohereEmbed),
  '/pooling': post(pooling),
  '/rerank': post(rerank),
  '/v1/rerank': post(rerank),
  '/v2/rerank': post(rerank),
  '/score': post(score),
  '/v1/score': post(score),
  '/classify': post(classify),
  '/generative_scoring': post(generativeScoring),
  '/tokenize': post(tokenize, { inference: false }),
  '/detokenize': post(detokenize, { inference: false }),
  '/inference/v1/generate': post(generate),
  '/invocations': post(invocations),
  '/v1/audio/transcriptions': post(audio('transcribe'), { takes: 'form' }),
  '/v1/audio/translations': post(audio('translate'), { takes: 'form' }),
}

const developmentRoutes: Readonly<Record<string, Methods>> = {
  '/sleep': command(fallAsleep),
  '/wake_up': command(wakeUp),
  '/is_sleeping': get(isSleeping),
  '/collective_rpc': post(collectiveRpc, { inference: false }),
}

/** What a path offers, by method; undefined: nothing. */
export function findRoutes(path: string, devMode: boolean): Methods | undefined {
  if (Object.hasOwn(routes, path)) return routes[path]
  if (devMode && Object.hasOwn(developmentRoutes, path)) return developmentRoutes[path]
  const [, id, cancel] = /^\/v1\/responses\/([^/]+)(\/cancel)?$/.exec(path) ?? []
  if (id === undefined) return undefined
  return cancel === undefined
    ? get((exchange, simulation) => readResponse(exchange, simulation, id))
    : command((exchange, simulation) => cancelResponse(exchange, simulation, id))
}
