import type { Admission } from '../admission/index.ts'
import type { Catalogue } from '../catalogue/index.ts'
import type { ErrorCode } from '../errors/index.ts'
import type { TokenUsage } from './answer-tail.ts'
import type { Forwarder } from './forwarder.ts'
import type { Tracer } from './trace.ts'

/** What of the configuration concerns the way of a request. */
export interface ProxySettings {
  /** Largest request body, bytes. */
  readonly bodyLimit: number
  /** Keep a waiting stream alive with SSE comments. */
  readonly progressComments: boolean
  /** ms of waiting before the first comment, which commits status 200. */
  readonly progressAfterMs: number
  /** ms between comments. */
  readonly progressEveryMs: number
  /** ms a backend may take until its response header is here; 0 turns the limit off. */
  readonly backendTimeoutMs: number
  /** ms in which a client takes nothing of what waits for it, after which it is cut off; 0 turns it off. */
  readonly stalledClientTimeoutMs: number
  /** ms without a byte in either direction after which a WebSocket is closed; 0 turns it off. */
  readonly websocketIdleTimeoutMs: number
  /** Keys of which a client must show one; none configured means that nobody is asked. */
  readonly apiKeys: readonly string[]
  /** Key set on what is forwarded. */
  readonly backendApiKey: string | undefined
  /** Origins that browsers may call from; `*` means all. */
  readonly corsOrigins: readonly string[]
  /** Whether clients may say by `X-Vllm-Chill-Priority` what their waiting counts. */
  readonly priorityHeader: boolean
  /** Served name (or alias) for requests that name no model. */
  readonly defaultModel: string | undefined
}

/** The part of a pino logger that is used here: defects. What becomes of requests goes to `onRequest`. */
export interface ProxyLog {
  error(fields: object, message: string): void
}

/** One request of a client, told once, when it is over. Nothing of its content is in here. */
export interface RequestRecord {
  readonly id: string
  readonly method: string
  /** Pattern of the route, so that it has few values: `/v1/responses/{id}`, never the path itself. */
  readonly route: string
  /** Served name, once it is known. */
  readonly model: string | undefined
  /** Backend it was last forwarded to. */
  readonly backend: string | undefined
  /**
   * What really happened, also where the client had already been told 200: the refusal's status, the
   * backend's own, or 499 for a client that left before the end, or was cut off because it took nothing more.
   */
  readonly status: number
  readonly code: ErrorCode | 'client_left' | 'client_stalled' | undefined
  readonly stream: boolean
  /** ms in the gate. */
  readonly waitedMs: number
  /** ms from the request's head until it was last sent on to a backend. */
  readonly forwardedMs: number | undefined
  /** ms from the request's head to the first byte of the body of a backend's answer. */
  readonly firstByteMs: number | undefined
  /** ms from the request's head to the last byte of the answer. */
  readonly durationMs: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** As the answer tells it. */
  readonly usage: TokenUsage | undefined
  /** Of OpenTelemetry, while that is on. */
  readonly traceId: string | undefined
}

/** What a model answered, whole or to the length that is kept. */
export interface AnswerCopy {
  readonly id: string
  readonly model: string
  readonly route: string
  readonly text: string
  readonly isWhole: boolean
}

export interface ProxyOptions {
  readonly admission: Admission
  readonly catalogue: Catalogue
  readonly settings: ProxySettings
  readonly log: ProxyLog
  /** Whether requests can be admitted; false while the program drains. Drives `/readyz`. */
  readonly ready: () => boolean
  /** Called once per request, after its last byte. */
  readonly onRequest?: (record: RequestRecord) => void
  /** Called with what a backend has answered, once it is over. Without it nobody keeps any of it. */
  readonly onAnswer?: (answer: AnswerCopy) => void
  /** Follows requests for OpenTelemetry. */
  readonly tracer?: Tracer | undefined
  /** Another way to reach backends; undici by default. */
  readonly forwarder?: Forwarder
}
