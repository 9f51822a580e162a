import type { Chart, ChartState } from './graph.ts'
import { label, wrapped } from './words.ts'

/** Narrower than this, the words would stand one below another. */
const leastWidth = 30

/**
 * The chart as a tree: each state with what runs in it and where it leads.
 * @param columns How wide the lines may be.
 */
export function renderAscii(chart: Chart, columns: number): string {
  const width = Math.max(columns, leastWidth)
  const { root } = chart
  return [
    chart.name,
    ...inside(chart, root, root.states.length > 0 ? '│ ' : '  ', width, 'in every state: '),
    ...below(chart, root, '', width),
  ].join('\n')
}

function below(chart: Chart, { states, initial }: ChartState, indent: string, width: number) {
  return states.flatMap((state, index): string[] => {
    const isLast = index === states.length - 1
    const inner = `${indent}${isLast ? '   ' : '│  '}`
    const mark = state.path === initial ? '● ' : state.kind === 'final' ? '◎ ' : ''
    const own = inside(chart, state, `${inner}${state.states.length > 0 ? '│ ' : '  '}`, width)
    return [
      `${indent}${isLast ? '└─ ' : '├─ '}${mark}${state.name}`,
      ...own,
      ...below(chart, state, inner, width),
    ]
  })
}

function inside(
  chart: Chart,
  { path, effects }: ChartState,
  indent: string,
  width: number,
  prefix = '',
): string[] {
  const own = chart.transitions.filter(({ from }) => from === path)
  const lines = [
    ...(effects.length > 0 ? [`runs ${effects.join(', ')}`] : []),
    ...own.map((each) => {
      const way = each.to === undefined ? '' : ` → ${each.to === path ? 'itself' : each.to}`
      return `${prefix}${label(each)}${way}`
    }),
  ]
  return lines.flatMap((line) =>
    wrapped(line, width - indent.length - 2).map(
      (part, index) => `${indent}${index === 0 ? '' : '  '}${part}`,
    ),
  )
}
