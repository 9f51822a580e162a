import type { Chart, ChartState, ChartTransition } from './graph.ts'

/** XState's configuration of a machine, as far as it is plain data. */
export interface StateConfig {
  id?: string
  type?: 'parallel' | 'final' | 'history'
  initial?: string
  entry?: readonly string[]
  exit?: readonly string[]
  invoke?: InvokeConfig[]
  on?: Record<string, TransitionConfig[]>
  after?: Record<string, TransitionConfig[]>
  always?: TransitionConfig[]
  onDone?: TransitionConfig[]
  states?: Record<string, StateConfig>
}

interface InvokeConfig {
  src: string
  onDone?: TransitionConfig[]
  onError?: TransitionConfig[]
}

interface TransitionConfig {
  target?: string
  guard?: string
  actions?: readonly string[]
  reenter?: true
}

/** What `createMachine` takes, with names for everything that is code. */
export function toConfig(chart: Chart): StateConfig {
  return { id: chart.name, ...stateConfig(chart, chart.root) }
}

function stateConfig(chart: Chart, state: ChartState): StateConfig {
  const { kind, initial, entry, exit, effects, states } = state
  const own = chart.transitions.filter(({ from }) => from === state.path)
  const of = (trigger: ChartTransition['trigger'], name?: string) =>
    own
      .filter((each) => each.trigger === trigger && (name === undefined || each.name === name))
      .map((each) => transitionConfig(chart, each))
  const named = (trigger: 'event' | 'after') =>
    Object.fromEntries(
      own
        .filter((each) => each.trigger === trigger)
        .map(({ name, delayMs }) => [String(delayMs ?? name), of(trigger, name)]),
    )
  return without({
    type: kind === 'parallel' || kind === 'final' || kind === 'history' ? kind : undefined,
    initial: initial?.slice(initial.lastIndexOf('.') + 1),
    entry,
    exit,
    invoke: effects.map((src) => ({
      src,
      ...without({ onDone: of('done', src), onError: of('error', src) }),
    })),
    on: named('event'),
    after: named('after'),
    always: of('always'),
    onDone: effects.includes(state.name) ? undefined : of('done', state.name),
    states: Object.fromEntries(states.map((inner) => [inner.name, stateConfig(chart, inner)])),
  })
}

function transitionConfig(
  chart: Chart,
  { to, guard, actions, reenters }: ChartTransition,
): TransitionConfig {
  return without({
    target: to === undefined ? undefined : `#${chart.name}.${to}`,
    guard,
    actions,
    reenter: reenters ? true : undefined,
  })
}

type Given<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> }

/** Without what is not there, or empty. */
function without<T extends object>(fields: T): Given<T> {
  const kept = Object.entries(fields).filter(
    ([, value]) => value !== undefined && !(typeof value === 'object' && isEmpty(value as object)),
  )
  return Object.fromEntries(kept) as Given<T>
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0
}
