import OpenAI from 'openai'
import type { Program } from './program.ts'

/** The SDK as its users have it, but for the retries: a test wants to see what happened at first. */
export function openai({ url }: Pick<Program, 'url'>, options: object = {}): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0, ...options })
}

export const saying = (said: string) => [{ role: 'user' as const, content: said }]

/** A chat request without an SDK between. */
export function ask(
  { url }: Pick<Program, 'url'>,
  model: string,
  more: object = {},
  init: RequestInit = {},
): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    ...init,
    headers: { 'content-type': 'application/json', ...(init.headers as object) },
    body: JSON.stringify({ model, messages: saying('hi'), ...more }),
  })
}

/** What the model said, or the error's code. */
export async function contentOf(response: Response): Promise<string> {
  const body = (await response.json()) as {
    choices?: { message: { content: string } }[]
    error?: { code: string }
  }
  return body.choices?.[0]?.message.content ?? `error ${body.error?.code}`
}

/** The parts of an error answer that clients go by. */
export async function refusalOf(response: Response) {
  const { error } = (await response.json()) as { error: { code: string; message: string } }
  const header = (name: string) => response.headers.get(name)
  return {
    status: response.status,
    code: error.code,
    message: error.message,
    retryAfter: Number(header('retry-after')),
    shouldRetry: header('x-should-retry'),
  }
}

/** ms in the gate as the answer tells them; 0 when it did not wait. */
export function waitedMs(response: Response): number {
  return Number(response.headers.get('x-vllm-chill-waited-ms') ?? 0)
}

export interface RunningStream {
  /** Resolves when the first token is here. */
  readonly begun: Promise<void>
  /** Resolves at the end; rejects when the stream breaks. */
  readonly done: Promise<{ tokens: number; text: string; finish: string | null }>
  readonly tokens: number
}

/** vLLM's own: says as much as it may. */
const toTheLimit = { ignore_eos: true }

/** A stream of so many tokens; the simulator's `--itl` says how long each takes. */
export function stream(
  program: Pick<Program, 'url'>,
  model: string,
  tokens: number,
): RunningStream {
  const { promise: begun, resolve, reject } = Promise.withResolvers<void>()
  const seen = { tokens: 0, text: '', finish: null as string | null }
  const run = async () => {
    const events = await openai(program).chat.completions.create({
      model,
      messages: saying('go on'),
      stream: true,
      max_tokens: tokens,
      ...toTheLimit,
    })
    for await (const { choices } of events) {
      const content = choices[0]?.delta.content
      if (content) {
        seen.tokens++
        seen.text += content
        resolve()
      }
      seen.finish = choices[0]?.finish_reason ?? seen.finish
    }
    return seen
  }
  const done = run()
  done.catch(reject)
  // Whoever only waits for the end hears of it there.
  begun.catch(() => {})
  return {
    begun,
    done,
    get tokens() {
      return seen.tokens
    },
  }
}
