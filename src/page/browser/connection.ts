import { signal } from '@preact/signals'
import { open, read, Refused } from './api.ts'
import { learnServerTime, serverNow } from './clock.ts'
import {
  hello,
  history,
  learnBackend,
  learnHello,
  learnPast,
  learnTransition,
  models,
  requests,
  stats,
} from './fleet.ts'
import { readServerEvents, type ServerEvent } from './server-events.ts'
import { tokenWanted } from './token.ts'
import type {
  Backend,
  Hello,
  HistoryAnswer,
  ModelsAnswer,
  RequestsAnswer,
  StatsAnswer,
  Transition,
} from './wire.ts'

export type Connection = 'connecting' | 'live' | 'lost' | 'stopped' | 'token wanted'

export const connection = signal<Connection>('connecting')

/** The server says something at least every 15 s; a line that is silent for longer is dead. */
const silenceMs = 40_000
const soonestMs = 500
const latestMs = 5_000

let lastId: string | undefined
let attempt: AbortController | undefined

/** Follows the program for as long as the page is open, through its restarts. */
export async function stayConnected(): Promise<void> {
  for (let failures = 0; ;) {
    const began = Date.now()
    try {
      await follow()
    } catch (error) {
      if (error instanceof Refused && error.code === 'forbidden') {
        connection.value = 'token wanted'
        await tokenIsGiven()
        failures = 0
        continue
      }
    }
    failures = Date.now() - began > latestMs ? 0 : failures + 1
    if (connection.value !== 'stopped') connection.value = 'lost'
    await pause(Math.min(latestMs, soonestMs * 2 ** failures))
  }
}

/** Ends the present line; the next one begins at once, with what is known by then. */
export function reconnect(): void {
  attempt?.abort()
}

async function follow(): Promise<void> {
  const controller = new AbortController()
  attempt = controller
  const headers: Record<string, string> = lastId === undefined ? {} : { 'last-event-id': lastId }
  const { body } = await open('events', { headers, signal: controller.signal })
  if (!body) return
  let dead = setTimeout(() => controller.abort(), silenceMs)
  try {
    await readServerEvents(body, {
      onEvent: learn,
      onBytes: () => {
        clearTimeout(dead)
        dead = setTimeout(() => controller.abort(), silenceMs)
      },
    })
  } finally {
    clearTimeout(dead)
  }
}

function learn({ type, data, id }: ServerEvent): void {
  if (id !== undefined) lastId = id
  handlers[type]?.(JSON.parse(data) as never)
}

const handlers: Readonly<Record<string, (event: never) => void>> = {
  hello(event: Hello & { at: string }) {
    learnServerTime(event.at)
    const isAnother = hello.value?.startedAt !== event.startedAt
    learnHello(event)
    if (isAnother || event.missed) void readPast()
    connection.value = 'live'
    tokenWanted.value = false
    for (const refresh of Object.values(refreshers)) refresh()
  },
  snapshot({ backend }: { backend: Backend }) {
    learnBackend(backend)
    refreshers.requests()
  },
  transition(event: Transition) {
    learnTransition(event)
    refreshers.history()
    refreshers.models()
  },
  fact: () => refreshers.models(),
  models: () => refreshers.models(),
  admitted: () => refreshers.requests(),
  finished: () => refreshers.requests(),
  refused: () => refreshers.requests(),
  goodbye() {
    connection.value = 'stopped'
  },
}

/** What happened before the page was opened. */
async function readPast(): Promise<void> {
  const past: Transition[] = []
  const { body } = await open('events?types=transition&last=100&follow=false')
  await readServerEvents(body!, {
    onEvent: ({ type, data }) => type === 'transition' && past.push(JSON.parse(data) as Transition),
  })
  learnPast(past)
}

/** Asked for again soon after something changed, however often it does. */
const refreshers = {
  requests: soon(700, async () => {
    requests.value = { ...(await read<RequestsAnswer>('requests')), seenAt: serverNow() }
  }),
  models: soon(700, async () => {
    models.value = await read<ModelsAnswer>('models')
  }),
  history: soon(1_000, async () => {
    history.value = await read<HistoryAnswer>('history')
  }),
  stats: soon(1_000, async () => {
    stats.value = await read<StatsAnswer>('stats')
  }),
}

/** What changes without an event: how long, how much. */
export function keepFresh(): void {
  const every = (ms: number, refresh: () => void) =>
    setInterval(() => {
      if (connection.value === 'live' && !document.hidden) refresh()
    }, ms)
  every(3_000, () => {
    const { inFlight, waiting } = requests.value
    if (inFlight.length + waiting.length > 0) refreshers.requests()
  })
  every(5_000, refreshers.stats)
  every(30_000, refreshers.history)
}

export function refreshModels(): void {
  refreshers.models()
}

function soon(pauseMs: number, refresh: () => Promise<void>): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let last = 0
  const run = () => {
    timer = undefined
    last = Date.now()
    // What cannot be read now is read after the next event, or when the line is back.
    refresh().catch(() => {})
  }
  return () => {
    timer ??= setTimeout(run, Math.max(50, last + pauseMs - Date.now()))
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}

function tokenIsGiven(): Promise<void> {
  return new Promise((resolve) => {
    const stop = tokenWanted.subscribe((wanted) => {
      if (wanted) return
      queueMicrotask(() => stop())
      resolve()
    })
  })
}
