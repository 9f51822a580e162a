import type { Json } from './fields.ts'

/** A response that outlives its request; what `GET /v1/responses/{id}` gives. */
export interface StoredResponse {
  body: Json
  /** Set while background work runs. */
  cancel: (() => void) | undefined
}

export type StoredResponses = Map<string, StoredResponse>

/** Bounds the memory of a server that runs for days: the oldest finished one is forgotten. */
const storedLimit = 1_000

export function store(responses: StoredResponses, id: string, response: StoredResponse): void {
  responses.set(id, response)
  if (responses.size <= storedLimit) return
  const oldest = [...responses].find(([, { cancel }]) => cancel === undefined)
  if (oldest !== undefined) responses.delete(oldest[0])
}
