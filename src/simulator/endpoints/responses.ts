import { ApiError, badRequest } from '../api-error.ts'
import { type Json, optionalFlag, optionalText } from '../fields.ts'
import { type Exchange, type Simulation, sendJson, speak } from '../simulation.ts'
import { type StoredResponse, store } from '../stored-responses.ts'
import { type ResponseRequest, readResponseRequest, statusOf } from './response-document.ts'
import { streamResponse } from './responses-stream.ts'

/** `POST /v1/responses` */
export async function createResponse(exchange: Exchange, simulation: Simulation): Promise<void> {
  const { body, signal, res } = exchange
  const before = optionalText(body, 'previous_response_id')
  if (before !== undefined) find(simulation, before)
  const request = readResponseRequest(simulation, body)
  const keep = (document: Json, cancel?: () => void): StoredResponse => {
    const response = { body: document, cancel }
    store(simulation.responses, String(document['id']), response)
    return response
  }
  if (optionalFlag(body, 'background')) {
    const document = request.document('queued', [])
    runInBackground(simulation, request, keep(document))
    sendJson(res, 200, document)
    return
  }
  if (optionalFlag(body, 'stream')) {
    keep(await streamResponse(exchange, simulation, request))
    return
  }
  const said: string[] = []
  const end = await speak(simulation, signal, request.promptTokens, request.answer, (token) => {
    said.push(token)
  })
  const document = request.document(statusOf(end), said)
  keep(document)
  sendJson(res, 200, document)
}

/** The engine goes on after the answer: what a proxy must not take for idle. */
function runInBackground(simulation: Simulation, request: ResponseRequest, stored: StoredResponse) {
  const abort = new AbortController()
  const said: string[] = []
  stored.cancel = () => {
    stored.cancel = undefined
    abort.abort()
    stored.body = request.document('cancelled', said)
  }
  const work = speak(simulation, abort.signal, request.promptTokens, request.answer, (token) => {
    said.push(token)
    if (said.length === 1) stored.body = request.document('in_progress', [])
  })
  const end = (status: string) => {
    if (stored.cancel === undefined) return
    stored.cancel = undefined
    stored.body = request.document(status, said)
  }
  work.then(
    (reason) => end(statusOf(reason)),
    () => end('failed'),
  )
}

/** `GET /v1/responses/{id}` */
export function readResponse({ res }: Exchange, simulation: Simulation, id: string): void {
  sendJson(res, 200, find(simulation, id).body)
}

/** `POST /v1/responses/{id}/cancel` */
export function cancelResponse({ res }: Exchange, simulation: Simulation, id: string): void {
  const stored = find(simulation, id)
  if (stored.body['background'] !== true) {
    throw badRequest('Cannot cancel a synchronous response.', 'response_id')
  }
  stored.cancel?.()
  sendJson(res, 200, stored.body)
}

function find({ responses }: Simulation, id: string): StoredResponse {
  const stored = responses.get(id)
  if (stored !== undefined) return stored
  throw new ApiError(
    404,
    'invalid_request_error',
    `Response with id '${id}' not found.`,
    'response_id',
  )
}
