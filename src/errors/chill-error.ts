/**
 * Every refusal of ours is one of these; callers branch on the code, never on the message.
 * The table is the one source for status, type and `docs/errors.md`.
 */
export const errorCodes = {
  invalid_json: {
    status: 400,
    type: 'invalid_request_error',
    when: 'the body is not the JSON (or multipart form) that the endpoint takes',
  },
  model_required: {
    status: 400,
    type: 'invalid_request_error',
    when: 'no model is named, none is the default and more than one is known',
  },
  bad_request: {
    status: 400,
    type: 'invalid_request_error',
    when: 'something else the client sent cannot be understood, such as two different models in one body',
  },
  invalid_api_key: {
    status: 401,
    type: 'authentication_error',
    when: 'client keys are configured and the request carries none of them',
  },
  forbidden: {
    status: 403,
    type: 'permission_error',
    when: "an operator's call without the operations token, from elsewhere than loopback, or from a foreign Origin",
  },
  model_not_found: {
    status: 404,
    type: 'not_found_error',
    when: 'no model of this name is known; the message lists the known ones',
  },
  not_found: {
    status: 404,
    type: 'not_found_error',
    when: 'the path is not on the list of those that are forwarded, or no request has the id that an operator named',
  },
  method_not_allowed: {
    status: 405,
    type: 'invalid_request_error',
    when: 'the path is on the list, but not with this method; `Allow` says which',
  },
  not_leading: {
    status: 409,
    type: 'invalid_request_error',
    when: 'an operator commands a program that only follows; the message names the one that leads',
  },
  request_too_large: {
    status: 413,
    type: 'invalid_request_error',
    when: 'the body is larger than `bodyLimit`',
  },
  queue_full: {
    status: 429,
    type: 'rate_limit_error',
    when: 'too many requests, or too many bytes, already wait, or, with holding off, every place is taken; `Retry-After` says when to come back',
  },
  internal_error: {
    status: 500,
    type: 'server_error',
    when: 'a defect of vllm-chill; please report it with the request id',
  },
  backend_unreachable: {
    status: 502,
    type: 'server_error',
    when: 'no connection to the backend could be made, or it broke before a byte of an answer',
  },
  backend_died: {
    status: 502,
    type: 'server_error',
    when: 'the backend ended while it answered; a stream that had begun ends with this error',
  },
  model_loading: {
    status: 503,
    type: 'server_error',
    when: 'the wait deadline passed, or holding is off; the load goes on, `Retry-After` says when it should be ready',
  },
  model_failed: {
    status: 503,
    type: 'server_error',
    when: 'the start failed; the message gives the reason and the last log lines; not retried until `Retry-After` is over',
  },
  backend_held: {
    status: 503,
    type: 'server_error',
    when: 'an operator stopped the backend and told it to stay down',
  },
  model_pinned: {
    status: 503,
    type: 'server_error',
    when: 'every backend that may serve the model has a pinned one loaded, and `whenPinned` is refuse',
  },
  cancelled: {
    status: 503,
    type: 'server_error',
    when: 'an operator cancelled the request while it waited or was answered; a stream that had begun ends with this error',
  },
  shutting_down: {
    status: 503,
    type: 'server_error',
    when: 'vllm-chill is stopping and admits nothing more',
  },
  backend_timeout: {
    status: 504,
    type: 'server_error',
    when: 'no response header within `backendTimeout` (off by default)',
  },
} as const satisfies Record<string, { status: number; type: string; when: string }>

export type ErrorCode = keyof typeof errorCodes

interface Details {
  /** Seconds, for the `Retry-After` header; at least 1 when given. */
  retryAfterS?: number
  /** False tells SDKs, by `x-should-retry`, that trying again at once is useless. */
  shouldRetry?: boolean
  /** The field at fault, OpenAI's `param`. */
  param?: string
  cause?: unknown
}

export class ChillError extends Error {
  override readonly name = 'ChillError'
  readonly code: ErrorCode
  readonly retryAfterS: number | undefined
  readonly shouldRetry: boolean | undefined
  readonly param: string | undefined

  constructor(code: ErrorCode, message: string, details: Details = {}) {
    super(message, { cause: details.cause })
    this.code = code
    this.retryAfterS = details.retryAfterS
    this.shouldRetry = details.shouldRetry
    this.param = details.param
  }

  get status(): number {
    return errorCodes[this.code].status
  }

  get type(): string {
    return errorCodes[this.code].type
  }

  /** OpenAI's error body; `error.code` is the stable word of the table above. */
  toJSON() {
    return {
      error: { message: this.message, type: this.type, param: this.param ?? null, code: this.code },
    }
  }
}
