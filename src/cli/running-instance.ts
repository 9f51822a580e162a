import type { CAC, Command } from 'cac'
import type { CommandAnswer, ModelsAnswer, StatusAnswer } from '../operations/index.ts'
import { optionText } from './command-line.ts'
import { CommandFailed, UsageError } from './failure.ts'

const defaultUrl = 'http://127.0.0.1:8080'
/** Its answers come from memory; whatever takes longer does not work. */
const answerTimeoutMs = 10_000

/** A vllm-chill that runs somewhere, through its operators' API. All calls throw `CommandFailed`. */
export interface RunningInstance {
  readonly url: string
  status(): Promise<StatusAnswer>
  models(): Promise<ModelsAnswer>
  command(
    path: 'models/switch' | 'operations/start' | 'operations/stop',
    body: object,
  ): Promise<CommandAnswer>
}

/** The options of every command that talks to a running instance. */
export function withInstanceOptions(command: Command): Command {
  return command
    .option('--url <url>', `Where vllm-chill listens (env VLLM_CHILL_URL; ${defaultUrl})`)
    .option('--token <token>', 'Operations token (env VLLM_CHILL_OPERATIONS_TOKEN)')
    .option('--json', 'Print JSON')
}

export function runningInstance(
  cli: CAC,
  env: Record<string, string | undefined>,
): RunningInstance {
  const url = optionText(cli, '--url') ?? (env['VLLM_CHILL_URL'] || defaultUrl)
  const token = optionText(cli, '--token') ?? env['VLLM_CHILL_OPERATIONS_TOKEN']
  if (!URL.canParse(url) || !['http:', 'https:'].includes(new URL(url).protocol)) {
    throw new UsageError(`"${url}" is no URL; write it like ${defaultUrl}`)
  }
  const base = url.replace(/\/+$/, '')
  const call = async <T>(path: string, body?: object): Promise<T> =>
    (await ask(base, `/proxy/${path}`, token || undefined, body)) as T
  return {
    url: base,
    status: () => call('status'),
    models: () => call('models'),
    command: (path, body) => call(path, body),
  }
}

async function ask(
  base: string,
  path: string,
  token: string | undefined,
  body?: object,
): Promise<unknown> {
  const headers = {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(body && { 'content-type': 'application/json' }),
  }
  let response: Response
  let text: string
  try {
    response = await fetch(base + path, {
      headers,
      signal: AbortSignal.timeout(answerTimeoutMs),
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    })
    text = await response.text()
  } catch (error) {
    throw new CommandFailed(whyUnreachable(base, error), { cause: error })
  }
  const answer = parse(text)
  if (answer === undefined || (!response.ok && !('error' in answer))) {
    throw new CommandFailed(
      `${base} answers, but not as vllm-chill does (${path}: HTTP ${response.status}).`,
    )
  }
  if (!response.ok) throw new CommandFailed(whyRefused(response.status, answer, token))
  return answer
}

function parse(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

function whyUnreachable(base: string, error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') {
    return `${base} does not answer within ${answerTimeoutMs / 1000} s.`
  }
  const cause =
    error instanceof Error ? (error.cause as NodeJS.ErrnoException | undefined) : undefined
  if (cause?.code === 'ECONNREFUSED') {
    return `Nothing listens at ${base}. Is vllm-chill running? Say where with --url or VLLM_CHILL_URL.`
  }
  return `${base} cannot be reached: ${cause?.message ?? String(error)}`
}

function whyRefused(status: number, answer: object, token: string | undefined): string {
  const { error } = answer as { error: { message?: string } | string }
  const message = typeof error === 'string' ? error : (error.message ?? `HTTP ${status}`)
  const hint =
    status === 403
      ? ` (${token === undefined ? 'no token was given; use' : 'a token was given with'} --token or VLLM_CHILL_OPERATIONS_TOKEN)`
      : ''
  return message + hint
}
