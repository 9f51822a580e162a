import type { CredentialRule } from './headers.ts'
import type { Cors } from './cors.ts'
import type { Forwarder } from './forwarder.ts'
import type { KeyCheck } from './keys.ts'
import type { StoredResponses } from './stored-responses.ts'
import type { ProxyOptions, RequestRecord } from './types.ts'

/** What all requests of one proxy share. */
export interface ProxyContext extends Omit<ProxyOptions, 'forwarder' | 'onRequest'> {
  /** Never throws. */
  readonly onRequest: (record: RequestRecord) => void
  readonly forwarder: Forwarder
  readonly responses: StoredResponses
  readonly checkKey: KeyCheck
  readonly cors: Cors
  readonly credentials: CredentialRule
}
