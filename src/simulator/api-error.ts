/** `anthropic` is what /v1/messages answers. */
export type ErrorShape = 'openai' | 'anthropic'

/** A refusal as vLLM writes it: the code is an integer and equals the HTTP status. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  readonly type: string
  readonly param: string | null

  constructor(status: number, type: string, message: string, param: string | null = null) {
    super(message)
    this.status = status
    this.type = type
    this.param = param
  }

  body(shape: ErrorShape): unknown {
    const { message, type, param, status } = this
    // FastAPI reads the body before the endpoint does, and knows only the one shape.
    return shape === 'anthropic' && type !== invalid
      ? { type: 'error', error: { type, message } }
      : { error: { message, type, param, code: status } }
  }
}

/** What is nobody's: FastAPI answers in its own shape. */
export class RouteError extends ApiError {
  /** Methods that the path does know. */
  readonly allow: string | undefined

  constructor(status: 404 | 405, message: string, allow?: string) {
    super(status, message, message)
    this.allow = allow
  }

  override body(): unknown {
    return { detail: this.message }
  }
}

export const badRequest = (message: string, param: string | null = null) =>
  new ApiError(400, 'BadRequestError', message, param)

const invalid = 'Bad Request'

/** What FastAPI's validation says, with the status vLLM gives it. */
export const invalidField = (kind: string, name: string, problem: string) =>
  new ApiError(
    400,
    invalid,
    `1 validation error:\n  {'type': '${kind}', 'loc': 'body.${name}', 'msg': '${problem}'}`,
    `body.${name}`,
  )

/** What vLLM says wherever the engine should have answered and is dead. */
export const engineLost = () =>
  new ApiError(
    500,
    'InternalServerError',
    'EngineCore encountered an issue. See stack trace (above) for the root cause.',
  )

/** A body that cannot be read at all; the status is vLLM's, FastAPI's own would be 422. */
export const invalidBody = (problem: string, param: string | null = null) =>
  new ApiError(400, invalid, `1 validation error:\n  ${problem}`, param)

export const unknownModel = (name: string, served: readonly string[]) =>
  new ApiError(
    404,
    'NotFoundError',
    `The model \`${name}\` does not exist. Valid aliases: ${served.join(', ')}.`,
    'model',
  )
