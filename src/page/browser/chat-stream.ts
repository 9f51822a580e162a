import { Refused, refusalOf } from './api.ts'
import { readServerEvents } from './server-events.ts'

export interface ChatMessage {
  readonly role: 'user' | 'assistant'
  readonly content: string
}

export interface Asked {
  readonly model: string
  readonly messages: readonly ChatMessage[]
  readonly apiKey: string
  readonly signal: AbortSignal
}

export interface Heard {
  /** What the proxy says while the model wakes. */
  readonly onWaiting: (text: string) => void
  readonly onText: (text: string, isReasoning: boolean) => void
  readonly onTokens: (count: number) => void
}

interface Chunk {
  choices?: { delta?: { content?: string; reasoning?: string; reasoning_content?: string } }[]
  usage?: { completion_tokens: number } | null
  error?: { message: string; code?: unknown }
}

/** The same API as every client's, beside `/proxy`. Rejects with `Refused`. */
export async function chat(
  { model, messages, apiKey, signal }: Asked,
  heard: Heard,
): Promise<void> {
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (apiKey !== '') headers['authorization'] = `Bearer ${apiKey}`
  const answer = await fetch('../v1/chat/completions', {
    method: 'POST',
    headers,
    signal,
    body: JSON.stringify({
      model,
      messages,
      stream: true,
      stream_options: { include_usage: true },
    }),
  })
  if (!answer.ok || !answer.body) throw await refusalOf(answer)
  await readServerEvents(answer.body, {
    onComment: heard.onWaiting,
    onEvent({ data }) {
      if (data === '[DONE]') return
      const { choices, usage, error } = JSON.parse(data) as Chunk
      if (error) throw new Refused(answer.status, String(error.code), error.message)
      const delta = choices?.[0]?.delta
      const reasoning = delta?.reasoning ?? delta?.reasoning_content
      if (reasoning) heard.onText(reasoning, true)
      if (delta?.content) heard.onText(delta.content, false)
      if (usage) heard.onTokens(usage.completion_tokens)
    },
  })
}
