import type { Lease } from '../admission/index.ts'
import { ChillError } from '../errors/index.ts'

/** Where a response of `/v1/responses` is kept: in the memory of one process or pod, and only there. */
export interface Home {
  readonly model: string
  readonly incarnation: string
}

/** Ids that are remembered; older ones are forgotten first. */
const mostIds = 10_000
/** The id stands at the front of an answer, whole or streamed. */
const scannedBytes = 4096
const idPattern = /"id"[ \t\r\n]*:[ \t\r\n]*"(resp_[\w-]{1,200})"/

/** Which backend keeps which stored response; bounded, and gone with this program. */
export class StoredResponses {
  readonly #homes = new Map<string, Home>()

  remember(id: string, home: Home): void {
    this.#homes.delete(id)
    this.#homes.set(id, home)
    if (this.#homes.size <= mostIds) return
    for (const oldest of this.#homes.keys()) {
      this.#homes.delete(oldest)
      return
    }
  }

  /** Throws `not_found` for an id that is not known. */
  modelOf(id: string): string {
    const home = this.#homes.get(id)
    if (!home)
      throw new ChillError(
        'not_found',
        `no response ${JSON.stringify(id.slice(0, 200))} is known here`,
      )
    return home.model
  }

  /** Throws `not_found` when the lease is for another process or pod than the one that keeps it. */
  checkHome(id: string, lease: Lease): void {
    if (this.#homes.get(id)?.incarnation !== lease.endpoint.incarnation) this.lost(id)
  }

  /** The backend that kept it is gone. */
  lost(id: string): never {
    this.#homes.delete(id)
    throw new ChillError(
      'not_found',
      'the backend that kept this response has been unloaded since, and the response with it',
    )
  }
}

/** Looks for the id in the first bytes of an answer. */
export class IdWatch {
  readonly #responses: StoredResponses
  readonly #home: Home
  #seen = ''
  #done = false

  constructor(responses: StoredResponses, lease: Lease) {
    this.#responses = responses
    this.#home = { model: lease.request.model, incarnation: lease.endpoint.incarnation }
  }

  data(chunk: Buffer): void {
    if (this.#done) return
    this.#seen += chunk.toString(
      'latin1',
      0,
      Math.min(chunk.length, scannedBytes - this.#seen.length),
    )
    const id = idPattern.exec(this.#seen)?.[1]
    if (id !== undefined) this.#responses.remember(id, this.#home)
    this.#done = id !== undefined || this.#seen.length >= scannedBytes
    if (this.#done) this.#seen = ''
  }
}
