import { computed, signal } from '@preact/signals'
import { serverNow } from './clock.ts'
import type {
  Backend,
  Hello,
  HistoryAnswer,
  ModelsAnswer,
  RequestsAnswer,
  StatsAnswer,
  Transition,
} from './wire.ts'

/** A backend's status and when it was so; what counts up is shown from there on. */
export interface SeenBackend extends Backend {
  readonly seenAt: number
}

const longestList = 200

/** What the page knows. Only `learn…` below change it. */
export const hello = signal<Hello | undefined>(undefined)
export const backends = signal<readonly SeenBackend[]>([])
/** Newest first. */
export const transitions = signal<readonly Transition[]>([])
export const models = signal<ModelsAnswer>({ models: [], problems: [] })
export const requests = signal<RequestsAnswer & { seenAt: number }>({
  inFlight: [],
  waiting: [],
  counts: { inFlight: 0, waiting: 0 },
  seenAt: 0,
})
export const history = signal<HistoryAnswer | undefined>(undefined)
export const stats = signal<StatsAnswer | undefined>(undefined)

const chosen = signal<string | undefined>(undefined)

/** Whose chart is shown. */
export const chosenBackend = computed(
  () => backends.value.find(({ name }) => name === chosen.value) ?? backends.value[0],
)

export function chooseBackend(name: string): void {
  chosen.value = name
}

export function learnHello(given: Hello): void {
  hello.value = given
  const known = new Set(given.backends)
  backends.value = backends.value.filter(({ name }) => known.has(name))
}

export function learnBackend(backend: Backend): void {
  const seen = { ...backend, seenAt: serverNow() }
  const others = backends.value.filter(({ name }) => name !== backend.name)
  const order = hello.value?.backends ?? []
  backends.value = [...others, seen].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name))
}

export function learnTransition(transition: Transition): void {
  transitions.value = [transition, ...transitions.value].slice(0, longestList)
}

/** What happened before, oldest first; of an earlier run of the program nothing is true any more. */
export function learnPast(past: readonly Transition[]): void {
  const known = new Set(past.map(nameOf))
  // Some came by the line while this was on its way, in part the same.
  const since = past[0]?.at ?? hello.peek()?.startedAt ?? ''
  const others = transitions.value.filter((one) => !known.has(nameOf(one)) && one.at >= since)
  transitions.value = [...others, ...past.toReversed()].slice(0, longestList)
}

export function nameOf({ at, backend, from, to }: Transition): string {
  return [at, backend, from, to].join(' ')
}
