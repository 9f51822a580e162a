import { once } from 'node:events'
import { request as requestHttp, type IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import { CommandFailed } from './failure.ts'

/** Its answers come from memory; whatever takes longer does not work. */
const answerTimeoutMs = 10_000
/** Notices a machine that is gone without a word. */
const keepAliveMs = 30_000

/** Where an instance is, and the token that opens it. */
export interface Place {
  /** Without a slash at its end. */
  readonly base: string
  readonly token: string | undefined
}

export interface StreamOptions {
  readonly headers?: Readonly<Record<string, string>>
  /** Ends it. */
  readonly signal?: AbortSignal | undefined
}

export type TextStream = AsyncIterable<string> & { readonly contentType: string }

/** The instance answered, and the answer is no. */
export class Refused extends CommandFailed {
  readonly status: number

  constructor(message: string, status: number) {
    super(message)
    this.status = status
  }
}

/** Not there, too busy or about to end: worth another try, unlike a refusal of what was asked. */
export function mayPass(error: unknown): error is CommandFailed {
  return error instanceof CommandFailed && !(error instanceof Refused && error.status < 429)
}

/**
 * `GET /proxy/<path>`, or `POST` with a body. Throws `Refused` with the reason it was given, and
 * `CommandFailed` when nothing, or something else, answers.
 */
export async function ask(
  place: Place,
  path: string,
  body?: object,
  timeoutMs = answerTimeoutMs,
): Promise<object> {
  let response: Response
  let text: string
  try {
    response = await fetch(`${place.base}/proxy/${path}`, {
      headers: {
        ...authorization(place),
        ...(body && { 'content-type': 'application/json' }),
      },
      signal: AbortSignal.timeout(timeoutMs),
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    })
    text = await response.text()
  } catch (error) {
    throw new CommandFailed(whyUnreachable(place.base, error, timeoutMs), { cause: error })
  }
  if (!response.ok) throw refusal(place, path, response.status, text)
  const answer = parse(text)
  if (answer === undefined) throw somethingElse(place, path, response.status)
  return answer
}

/**
 * `GET /proxy/<path>` whose answer comes bit by bit, for as long as it likes: `fetch` would give up after
 * some minutes of silence. Reading throws `CommandFailed` when the connection breaks.
 */
export async function openStream(
  place: Place,
  path: string,
  { headers = {}, signal }: StreamOptions = {},
): Promise<TextStream> {
  const request = place.base.startsWith('https:') ? requestHttps : requestHttp
  const sent = request(`${place.base}/proxy/${path}`, {
    headers: { ...authorization(place), ...headers },
    agent: false,
    ...(signal && { signal }),
  })
  // Told where it is waited for: at the head of the answer, or by reading it.
  sent.on('error', () => undefined)
  sent.setTimeout(answerTimeoutMs, () => sent.destroy(new DOMException('', 'TimeoutError')))
  sent.end()
  let response: IncomingMessage
  try {
    ;[response] = (await once(sent, 'response')) as [IncomingMessage]
  } catch (error) {
    throw new CommandFailed(whyUnreachable(place.base, error), { cause: error })
  }
  sent.setTimeout(0)
  response.socket.setKeepAlive(true, keepAliveMs)
  response.setEncoding('utf8')
  const status = response.statusCode ?? 0
  if (status !== 200) throw refusal(place, path, status, await wholeText(response))
  return Object.assign(partsOf(response, place.base), {
    contentType: response.headers['content-type'] ?? '',
  })
}

async function* partsOf(response: IncomingMessage, base: string): AsyncGenerator<string> {
  try {
    for await (const part of response) yield part as string
  } catch (error) {
    throw new CommandFailed(`The connection to ${base} broke.`, { cause: error })
  }
}

async function wholeText(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of response) text += part as string
  return text
}

function authorization({ token }: Place): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` }
}

function parse(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

function refusal(place: Place, path: string, status: number, text: string): CommandFailed {
  const answer = parse(text)
  if (answer === undefined || !('error' in answer)) return somethingElse(place, path, status)
  const { error } = answer as { error: { message?: string } | string }
  const message = typeof error === 'string' ? error : (error.message ?? `HTTP ${status}`)
  const token = place.token === undefined ? 'no token was given; use' : 'a token was given with'
  const hint = status === 403 ? ` (${token} --token or VLLM_CHILL_OPERATIONS_TOKEN)` : ''
  return new Refused(message + hint, status)
}

function somethingElse({ base }: Place, path: string, status: number): CommandFailed {
  return new CommandFailed(
    `${base} answers, but not as vllm-chill does (/proxy/${path}: HTTP ${status}).`,
  )
}

function whyUnreachable(base: string, error: unknown, timeoutMs = answerTimeoutMs): string {
  if (error instanceof Error && error.name === 'TimeoutError') {
    return `${base} does not answer within ${timeoutMs / 1000} s.`
  }
  const cause =
    error instanceof Error ? ((error.cause ?? error) as NodeJS.ErrnoException) : undefined
  if (cause?.code === 'ECONNREFUSED') {
    return `Nothing listens at ${base}. Is vllm-chill running? Say where with --url or VLLM_CHILL_URL.`
  }
  return `${base} cannot be reached: ${cause?.message ?? String(error)}`
}
