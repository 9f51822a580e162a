import { signal, useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { Refused } from './api.ts'
import { chat, type ChatMessage } from './chat-stream.ts'
import { models } from './fleet.ts'
import { Waiting } from './waiting.tsx'
import { duration } from './words.ts'

interface Turn extends ChatMessage {
  readonly reasoning?: string
  /** Under the answer: how long everything took. */
  readonly timing?: string
  readonly trouble?: string
}

/** Only here, until the page is closed. */
const turns = signal<readonly Turn[]>([])
const apiKey = signal('')

/** Tries a model the way a client does, and shows how it wakes. */
export function Chat() {
  const names = models.value.models.map(({ name }) => name)
  const chosen = useSignal('')
  const said = useSignal('')
  const running = useSignal<Running | undefined>(undefined)
  const needsKey = useSignal(false)
  const end = useRef<HTMLDivElement>(null)
  const model = names.includes(chosen.value) ? chosen.value : (names[0] ?? '')

  async function send(): Promise<void> {
    const text = said.value.trim()
    if (text === '' || running.value || model === '') return
    said.value = ''
    turns.value = [...turns.value, { role: 'user', content: text }]
    const messages = turns.value
      .filter(({ trouble }) => trouble === undefined)
      .map(({ role, content }) => ({ role, content }))
    const controller = new AbortController()
    const began = performance.now()
    const state: Running = { controller, began, words: 'sent' }
    running.value = state
    let answer: Turn = { role: 'assistant', content: '', reasoning: '' }
    let firstMs: number | undefined
    let tokens: number | undefined
    const earlier = turns.value
    const show = () => {
      turns.value = [...earlier, answer]
      end.current?.scrollTo(0, end.current.scrollHeight)
    }
    try {
      await chat(
        { model, messages, apiKey: apiKey.value, signal: controller.signal },
        {
          onWaiting: (words) => (running.value = { ...state, words }),
          onTokens: (count) => (tokens = count),
          onText(text, isReasoning) {
            if (firstMs === undefined) {
              firstMs = performance.now() - began
              running.value = { ...state, words: 'answers', firstMs }
            }
            answer = isReasoning
              ? { ...answer, reasoning: answer.reasoning + text }
              : { ...answer, content: answer.content + text }
            show()
          },
        },
      )
    } catch (error) {
      if (error instanceof Refused && error.status === 401) needsKey.value = true
      answer = { ...answer, trouble: troubleOf(error, controller.signal) }
    }
    answer = { ...answer, timing: timingOf(model, firstMs, performance.now() - began, tokens) }
    show()
    running.value = undefined
  }

  return (
    <section class="card chat" aria-labelledby="chat-title">
      <div class="head">
        <h2 id="chat-title">Try a model</h2>
        <label>
          <span class="hidden">Model</span>
          <select
            value={model}
            onChange={({ currentTarget }) => (chosen.value = currentTarget.value)}
          >
            {names.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        {turns.value.length > 0 && (
          <button
            type="button"
            disabled={running.value !== undefined}
            onClick={() => (turns.value = [])}
          >
            Clear
          </button>
        )}
      </div>
      <div ref={end} class="talk" role="log" aria-label="Conversation" tabIndex={0}>
        {turns.value.length === 0 && (
          <p class="empty">
            A request like any client’s: it wakes the model, waits for it, and tells the time to the
            first token.
          </p>
        )}
        {turns.value.map((turn, index) => (
          <TurnView key={index} turn={turn} />
        ))}
        {running.value && running.value.firstMs === undefined && (
          <Waiting running={running.value} />
        )}
      </div>
      {needsKey.value && (
        <label class="key">
          API key of a client
          <input
            type="password"
            autocomplete="off"
            value={apiKey.value}
            onInput={({ currentTarget }) => (apiKey.value = currentTarget.value)}
          />
        </label>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void send()
        }}
      >
        <label class="hidden" for="say">
          Message
        </label>
        <textarea
          id="say"
          rows={2}
          placeholder="Say something to it"
          value={said.value}
          onInput={({ currentTarget }) => (said.value = currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
            event.preventDefault()
            void send()
          }}
        />
        {running.value ? (
          <button type="button" onClick={() => running.value?.controller.abort()}>
            Stop
          </button>
        ) : (
          <button type="submit" class="strong" disabled={model === ''}>
            Send
          </button>
        )}
      </form>
    </section>
  )
}

interface Running {
  readonly controller: AbortController
  readonly began: number
  readonly words: string
  readonly firstMs?: number
}

function TurnView({ turn: { role, content, reasoning, timing, trouble } }: { turn: Turn }) {
  return (
    <div class={`turn ${role}`}>
      <p class="hidden">{role === 'user' ? 'You' : 'The model'}</p>
      {reasoning !== undefined && reasoning !== '' && <p class="reasoning">{reasoning}</p>}
      {content !== '' && <p class="said">{content}</p>}
      {trouble !== undefined && <p class="trouble-text">{trouble}</p>}
      {timing !== undefined && <p class="faint timing">{timing}</p>}
    </div>
  )
}

function troubleOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'Stopped.'
  if (!(error instanceof Refused)) return 'The connection broke.'
  if (error.status === 404 && error.code === 'not_found') {
    return 'This is the operators’ port; the API is on another one, and only a page there can ask it.'
  }
  return error.code === '' ? error.message : `${error.message} (${error.code})`
}

function timingOf(
  model: string,
  firstMs: number | undefined,
  allMs: number,
  tokens: number | undefined,
): string {
  const parts = [model]
  if (firstMs !== undefined) parts.push(`first token after ${duration(firstMs)}`)
  if (tokens !== undefined && firstMs !== undefined) {
    const rate = tokens / Math.max(0.001, (allMs - firstMs) / 1_000)
    parts.push(`${tokens} tokens${tokens > 1 ? `, ${rate.toFixed(0)}/s` : ''}`)
  }
  parts.push(`${duration(allMs)} in all`)
  return parts.join(' · ')
}
