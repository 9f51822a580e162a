import type { Handler } from '../simulation.ts'
import { modelLength, newId, sendJson } from '../simulation.ts'

/** The release whose behaviour is simulated. */
const vllmVersion = '0.32.0'

/** `GET /health`, `/ping`: an empty 200 while the engine lives, asleep, draining or not; 503 when it is dead. */
export const health: Handler = ({ res }, { engine }) => {
  res.writeHead(engine.dead ? 503 : 200, { 'content-length': 0 }).end()
}

export const version: Handler = ({ res }) => {
  sendJson(res, 200, { version: vllmVersion })
}

/** `GET /load` */
export const load: Handler = ({ res }, { engine }) => {
  sendJson(res, 200, { server_load: engine.running + engine.waiting })
}

/** `GET /metrics` */
export const metrics: Handler = ({ res }, { engine, metrics, sleep }) => {
  const { running, waiting, cachedTokens } = engine
  const text = metrics.render({ running, waiting, cachedTokens, sleepState: sleep.state })
  res.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text)
}

/** `GET /v1/models`; vLLM has no `/v1/models/{id}`. */
export const models: Handler = ({ res }, simulation) => {
  const { options, startedAt } = simulation
  sendJson(res, 200, {
    object: 'list',
    data: options.servedNames.map((id) => ({
      id,
      object: 'model',
      created: startedAt,
      owned_by: 'vllm',
      root: options.model,
      parent: null,
      max_model_len: modelLength(simulation),
      permission: [permission(startedAt)],
    })),
  })
}

const permission = (created: number) => ({
  id: newId('modelperm'),
  object: 'model_permission',
  created,
  allow_create_engine: false,
  allow_sampling: true,
  allow_logprobs: true,
  allow_search_indices: false,
  allow_view: true,
  allow_fine_tuning: false,
  organization: '*',
  group: null,
  is_blocking: false,
})
