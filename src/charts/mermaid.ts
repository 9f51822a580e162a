import { leafOf, type Chart, type ChartState, type ChartTransition } from './graph.ts'
import { happening } from './words.ts'

/**
 * Text of Mermaid's `stateDiagram-v2`. Mermaid cannot draw an arrow from inside one composite state into
 * another, so such an arrow goes between the outer states and its label says where inside it begins and
 * ends.
 */
export function renderMermaid(chart: Chart): string {
  const outer = chart.root.states
  const leading = chart.transitions.filter(leads)
  const across = leading.filter(({ from, to }) => outermost(from) !== outermost(to))
  const lines = ['stateDiagram-v2']
  for (const state of outer) {
    const inside = leading.filter(
      ({ from, to }) => outermost(from) === state.path && outermost(to) === state.path,
    )
    lines.push(...composite(state, inside))
  }
  lines.push(`    [*] --> ${idOf(chart.root.initial ?? '')}`)
  lines.push(...arrows(across, outermost, 1))
  for (const { path, kind } of outer) if (kind === 'final') lines.push(`    ${path} --> [*]`)
  lines.push(...notes(chart))
  return lines.join('\n')
}

interface Leading extends ChartTransition {
  readonly to: string
}

function leads(transition: ChartTransition): transition is Leading {
  return transition.to !== undefined
}

/** Mermaid's names are of the whole diagram, and two outer states may have one of the same name. */
function idOf(path: string): string {
  return path.replaceAll('.', '_')
}

function composite({ path, name, initial, states }: ChartState, inside: Leading[]): string[] {
  if (states.length === 0) return [`    ${path}`, ...arrows(inside, outermost, 1)]
  return [
    `    state ${name} {`,
    ...(initial === undefined ? [] : [`        [*] --> ${idOf(initial)}`]),
    ...states.map((inner) => `        state "${inner.name}" as ${idOf(inner.path)}`),
    ...arrows(inside, (each) => each, 2),
    '    }',
  ]
}

/** One arrow for each pair of states, with all that leads along it. */
function arrows(
  transitions: readonly Leading[],
  drawn: (path: string) => string,
  depth: number,
): string[] {
  const labels = new Map<string, Set<string>>()
  for (const transition of transitions) {
    const { from, to } = transition
    const pair = `${idOf(drawn(from))} --> ${idOf(drawn(to))}`
    const begin = drawn(from) === from ? '' : `${nameOf(from)}, `
    const end = drawn(to) === to ? '' : ` → ${nameOf(to)}`
    const known = labels.get(pair) ?? new Set<string>()
    labels.set(pair, known.add(`${begin}${withoutBrackets(transition)}${end}`))
  }
  return Array.from(
    labels,
    ([pair, all]) => `${'    '.repeat(depth)}${pair} : ${[...all].join('<br/>')}`,
  )
}

/** What happens and leads nowhere. */
function notes(chart: Chart): string[] {
  return [chart.root, ...chart.states].flatMap(({ path }) => {
    const inside = chart.transitions.filter(({ from, to }) => from === path && to === undefined)
    if (inside.length === 0) return []
    const heading = path === '' ? '        In every state\n' : ''
    const text = inside.map((each) => `        ${withoutBrackets(each)}`).join('\n')
    const at = idOf(path === '' ? leafOf(chart, '') : path)
    return [`    note right of ${at}`, `${heading}${text}`, '    end note']
  })
}

/** Mermaid takes brackets for shapes. */
function withoutBrackets(transition: ChartTransition): string {
  const happened = happening(transition)
  const { guard } = transition
  if (guard === undefined) return happened
  return happened === '' ? guard : `${happened} and ${guard}`
}

function outermost(path: string): string {
  return path.split('.')[0] ?? ''
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1)
}
