import { token, tokenWanted } from './token.ts'

/** A refusal, in the words of the program. */
export class Refused extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** Below `/proxy`, wherever that is: the page stands at `…/proxy/ui`. Throws `Refused`. */
export async function open(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  if (token.value !== '') headers.set('authorization', `Bearer ${token.value}`)
  const answer = await fetch(path, { ...init, headers, cache: 'no-store' })
  if (answer.ok) return answer
  const refusal = await refusalOf(answer)
  // What only reads is refused for want of the token and for nothing else.
  if (refusal.code === 'forbidden' && init.method !== 'POST') tokenWanted.value = true
  throw refusal
}

export async function read<T>(path: string): Promise<T> {
  return (await (await open(path)).json()) as T
}

/** A command; what it did is seen in the events. */
export async function command(path: string, body: object): Promise<{ message?: string }> {
  const answer = await open(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return (await answer.json()) as { message?: string }
}

export async function refusalOf(answer: Response): Promise<Refused> {
  const text = await answer.text()
  try {
    const { error } = JSON.parse(text) as { error: { code?: unknown; message: string } }
    return new Refused(answer.status, String(error.code), error.message)
  } catch {
    return new Refused(answer.status, '', `${answer.status} ${answer.statusText} ${text}`.trim())
  }
}
