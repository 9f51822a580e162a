import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate'

/** What sets a transition off. `always`: it is looked at after every event. */
export type Trigger = 'event' | 'always' | 'after' | 'done' | 'error'

/** A state chart as plain data: what every format is written from. */
export interface Chart {
  /** Id of the machine. */
  readonly name: string
  readonly root: ChartState
  /** All states but the root, each before those inside it. */
  readonly states: readonly ChartState[]
  readonly transitions: readonly ChartTransition[]
}

export interface ChartState {
  /** Such as `ready.serving`; empty for the machine itself. */
  readonly path: string
  /** Its last part. */
  readonly name: string
  readonly kind: 'atomic' | 'compound' | 'parallel' | 'final' | 'history'
  /** Path of the state inside that is entered first. */
  readonly initial?: string
  readonly states: readonly ChartState[]
  /** Named actions on entry and exit. */
  readonly entry: readonly string[]
  readonly exit: readonly string[]
  /** What runs as long as it is in this state. */
  readonly effects: readonly string[]
}

export interface ChartTransition {
  /** Path of the state it leaves. */
  readonly from: string
  /** Path of the state it leads to; absent where nothing is left or entered. */
  readonly to?: string
  readonly trigger: Trigger
  /** Name of the event, the delay or the effect; empty for `always`. */
  readonly name: string
  /** Of a delay that has no name but a number. */
  readonly delayMs?: number
  /** Type of the event as XState has it. */
  readonly event: string
  readonly guard?: string
  readonly actions: readonly string[]
  /** Leaves and enters its own state anew. */
  readonly reenters: boolean
}

/** Reads a machine as it will run. */
export function readChart(machine: AnyStateMachine): Chart {
  const root = readState(machine.root)
  const nodes = [machine.root as AnyStateNode, ...nodesBelow(machine.root)]
  return {
    name: machine.id,
    root,
    states: statesBelow(root),
    transitions: nodes.flatMap(readTransitions),
  }
}

/** The state of this path, or the one that is entered first inside it, and so on. */
export function leafOf(chart: Chart, path: string): string {
  const state = chart.states.find((each) => each.path === path)
  return state?.initial === undefined ? path : leafOf(chart, state.initial)
}

function readState(node: AnyStateNode): ChartState {
  const [first] = node.initial?.target ?? []
  return {
    path: pathOf(node),
    name: node.key,
    kind: node.type,
    ...(first && { initial: pathOf(first) }),
    states: childrenOf(node).map(readState),
    entry: namesOf(node.entry),
    exit: namesOf(node.exit),
    effects: node.invoke.map(({ src }) => nameOf(src)),
  }
}

function readTransitions(node: AnyStateNode): ChartTransition[] {
  const transitions = [...node.transitions.values(), node.always ?? []].flat()
  return transitions.flatMap((transition) => {
    const targets: readonly (AnyStateNode | undefined)[] = transition.target ?? [undefined]
    return targets.map((target) => readTransition(node, target, transition))
  })
}

function readTransition(
  node: AnyStateNode,
  target: AnyStateNode | undefined,
  { eventType, guard, actions, reenter }: AnyTransitionDefinition,
): ChartTransition {
  const condition = guard === undefined ? '' : nameOf(guard)
  return {
    from: pathOf(node),
    ...(target && { to: pathOf(target) }),
    ...readTrigger(eventType, node),
    event: eventType,
    ...(condition !== '' && { guard: condition }),
    actions: namesOf(actions),
    reenters: reenter,
  }
}

function readTrigger(
  event: string,
  node: AnyStateNode,
): Pick<ChartTransition, 'trigger' | 'name' | 'delayMs'> {
  if (event === '') return { trigger: 'always', name: '' }
  const [, kind, of] = /^xstate\.(after|done|error)\.(.*)$/s.exec(event) ?? []
  if (kind === undefined || of === undefined) return { trigger: 'event', name: event }
  if (kind === 'after') return readDelay(of, node)
  const effect = node.invoke.find(({ id }) => of === `actor.${id}`)
  const name = effect ? nameOf(effect.src) : node.key
  return { trigger: kind === 'done' ? 'done' : 'error', name }
}

/** From `idle timeout.backend.ready.quiet`, or `1000.backend.…`. */
function readDelay(text: string, { id }: AnyStateNode): ReturnType<typeof readTrigger> {
  const delay = text.endsWith(`.${id}`) ? text.slice(0, -id.length - 1) : text
  if (!/^\d+$/.test(delay)) return { trigger: 'after', name: delay }
  return { trigger: 'after', name: `after ${Number(delay) / 1_000} s`, delayMs: Number(delay) }
}

function namesOf(actions: readonly unknown[]): string[] {
  return actions.map(nameOf).filter((name) => name !== '')
}

/** As the chart has it; what is written in place, without a name, has none. */
function nameOf(part: unknown): string {
  if (typeof part === 'string') return part
  if (typeof part !== 'object' || part === null || !('type' in part)) return ''
  return typeof part.type === 'string' ? part.type : ''
}

function childrenOf(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states) as AnyStateNode[]
}

function nodesBelow(node: AnyStateNode): AnyStateNode[] {
  return childrenOf(node).flatMap((child) => [child].concat(nodesBelow(child)))
}

function statesBelow(state: ChartState): ChartState[] {
  return state.states.flatMap((child) => [child].concat(statesBelow(child)))
}

function pathOf({ path }: AnyStateNode): string {
  return path.join('.')
}
