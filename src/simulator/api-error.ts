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
    return shape === 'anthropic'
      ? { type: 'error', error: { type, message } }
      : { error: { message, type, param, code: status } }
  }
}

export const badRequest = (message: string, param: string | null = null) =>
  new ApiError(400, 'BadRequestError', message, param)

/** What FastAPI's validation says, with the status vLLM gives it. */
export const invalidField = (kind: string, name: string, problem: string) =>
  new ApiError(
    400,
    'Bad Request',
    `1 validation error:\n  {'type': '${kind}', 'loc': ('body', '${name}'), 'msg': '${problem}'}`,
    name,
  )

export const unknownModel = (name: string) =>
  new ApiError(404, 'NotFoundError', `The model \`${name}\` does not exist.`, 'model')
