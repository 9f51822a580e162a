import { arrowsOf, boxTextOf, sizes, textWidth, type Label } from './contents.ts'
import type { Chart, ChartState, ChartTransition } from './graph.ts'
import type { Box, Layout, Point } from './layout.ts'
import { svgStyle } from './svg-style.ts'
import { label } from './words.ts'

export interface SvgOptions {
  /** Leaves the stylesheet out, for a page that has its own. */
  readonly bare?: boolean
  /** Begins every id, so that two charts can be in one page. */
  readonly idPrefix?: string
}

type Attributes = Readonly<Record<string, string | number | undefined>>

/** A picture of the chart; what each element is can be read from its `data-` attributes. */
export function renderSvg(
  chart: Chart,
  main: readonly (readonly [string, string])[],
  layout: Layout,
  { bare = false, idPrefix = `chart-${chart.name}-` }: SvgOptions = {},
): string {
  const always = alwaysNote(chart, layout)
  const height = layout.height + always.height
  const arrows = arrowsOf(chart, main)
  const order = arrows
    .map((_, index) => index)
    .sort((one, other) => {
      return Number(arrows[one]!.isMain) - Number(arrows[other]!.isMain)
    })
  const ends = ['arrow', 'arrow-main'].map((end) =>
    element('marker', { id: `${idPrefix}${end}`, class: end, ...arrowHead }, [
      element('path', { d: 'M0 0 L8 4 L0 8 z' }),
    ]),
  )
  const [composite, simple] = [true, false].map((isComposite) =>
    chart.states
      .filter(({ states }) => states.length > 0 === isComposite)
      .map((state) => drawState(chart, state, layout.states[state.path]!)),
  )
  return element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      class: 'statechart',
      viewBox: `0 0 ${layout.width} ${height}`,
      width: layout.width,
      height,
      role: 'img',
      'aria-labelledby': `${idPrefix}title ${idPrefix}desc`,
      'data-chart': chart.name,
      'font-size': sizes.text,
    },
    [
      element('title', { id: `${idPrefix}title` }, [`The chart of a ${chart.name}`]),
      element('desc', { id: `${idPrefix}desc` }, [describe(chart)]),
      ...(bare ? [] : [element('style', {}, [svgStyle])]),
      element('defs', {}, ends),
      element('rect', { class: 'paper', width: layout.width, height }),
      ...composite!,
      ...layout.beginnings.map((points) =>
        element('path', {
          class: 'beginning',
          d: pathOf(points),
          'marker-end': `url(#${idPrefix}arrow)`,
        }),
      ),
      ...Object.values(layout.dots).map((box) => drawDot(box)),
      ...order.flatMap((index) => {
        const { isMain, labels } = arrows[index]!
        return drawArrow(labels, layout.arrows[index]!, isMain, idPrefix)
      }),
      ...simple!,
      ...always.elements,
    ],
  )
}

const arrowHead = {
  viewBox: '0 0 8 8',
  refX: 7,
  refY: 4,
  markerWidth: 8,
  markerHeight: 8,
  markerUnits: 'userSpaceOnUse',
  orient: 'auto-start-reverse',
}

function drawState(chart: Chart, state: ChartState, box: Box): string {
  const { x, y, width, height } = box
  const { title, effects, inside } = boxTextOf(chart, state)
  const isComposite = state.states.length > 0
  // Arrows come in at the middle.
  const at = isComposite ? x + sizes.inset : x + width / 2
  let line = y + sizes.titleHeight + sizes.gap - 3
  const next = () => (line += sizes.lineHeight)
  return element('g', { class: `state ${state.kind}`, 'data-state': state.path }, [
    element('title', {}, [aboutState(state)]),
    element('rect', { x, y, width, height, rx: isComposite ? 10 : 7 }),
    ...(state.kind === 'final'
      ? [element('rect', { class: 'inner', ...shrunk(box, 3), rx: 5 })]
      : []),
    element('text', { class: 'name', x: at, y: y + 16, 'font-size': sizes.title }, [title]),
    ...effects.map((effect) => element('text', { class: 'effect', x: at, y: next() }, [effect])),
    ...inside.map((each) =>
      element('g', transitionAttributes(each.transition, 'edge inside'), [
        element('title', {}, [aboutTransition(each.transition)]),
        ...each.lines.map((text) => element('text', { x: at, y: next() }, [text])),
      ]),
    ),
  ])
}

/** Each transition has the whole line to itself, so that each can be lit; they lie on one another. */
function drawArrow(
  labels: readonly Label[],
  { points, label: box }: Layout['arrows'][number],
  isMain: boolean,
  idPrefix: string,
): string[] {
  const end = `url(#${idPrefix}${isMain ? 'arrow-main' : 'arrow'})`
  const d = around(points, box).map(pathOf).join(' ')
  let top = box.y
  const drawn = labels.map(({ transition, lines }) => {
    const first = top
    top += lines.length * sizes.lineHeight + sizes.gap
    return element('g', transitionAttributes(transition, isMain ? 'edge main' : 'edge'), [
      element('title', {}, [aboutTransition(transition)]),
      element('path', { d, 'marker-end': end }),
      ...lines.map((text, index) =>
        element(
          'text',
          { x: box.x + box.width / 2, y: first + index * sizes.lineHeight + sizes.text },
          [text],
        ),
      ),
    ])
  })
  return drawn
}

function drawDot({ x, y, width }: Box): string {
  const radius = width / 2
  return element('circle', { class: 'dot', cx: x + radius, cy: y + radius, r: radius })
}

/** What the machine itself does about events, whatever state it is in: below the picture. */
function alwaysNote(chart: Chart, layout: Layout): { elements: string[]; height: number } {
  const own = chart.transitions.filter(({ from }) => from === '')
  if (own.length === 0) return { elements: [], height: 0 }
  const left = 12
  const heading = 'In every state:'
  let x = left + textWidth(heading, sizes.text, true) + 8
  let y = layout.height + 14
  const elements = [element('text', { class: 'note', x: left, y }, [heading])]
  for (const transition of own) {
    const text = label(transition)
    const width = textWidth(text, sizes.text)
    if (x + width > layout.width - left) {
      x = left
      y += sizes.lineHeight + 2
    }
    elements.push(
      element('g', transitionAttributes(transition, 'edge inside'), [
        element('title', {}, [aboutTransition(transition)]),
        element('text', { class: 'note', x: Math.round(x), y }, [text]),
      ]),
    )
    x += width + 18
  }
  return { elements, height: y - layout.height + 12 }
}

function transitionAttributes(transition: ChartTransition, className: string): Attributes {
  const { from, to = '', trigger, name, guard } = transition
  return {
    class: `${className} ${trigger}`,
    'data-edge': from,
    'data-target': to,
    'data-event': name,
    'data-trigger': trigger,
    'data-guard': guard,
  }
}

function aboutState({ path, effects, entry, exit }: ChartState): string {
  const parts = [
    path,
    effects.length > 0 ? `while in it: ${effects.join(', ')}` : '',
    entry.length > 0 ? `on entry: ${entry.join(', ')}` : '',
    exit.length > 0 ? `on exit: ${exit.join(', ')}` : '',
  ]
  return parts.filter((part) => part !== '').join('\n')
}

function aboutTransition(transition: ChartTransition): string {
  const { from, to, actions } = transition
  const where = from === '' ? 'in every state' : `in ${from}`
  const way = to === undefined ? where : `${from} → ${to}`
  return [`${way}: ${label(transition)}`, ...actions.map((action) => `• ${action}`)].join('\n')
}

function describe({ states, transitions }: Chart): string {
  const names = states.map(({ path }) => path).join(', ')
  return `A state chart with ${states.length} states and ${transitions.length} transitions. The states: ${names}.`
}

function shrunk({ x, y, width, height }: Box, by: number): Attributes {
  return { x: x + by, y: y + by, width: width - 2 * by, height: height - 2 * by }
}

/** The parts of a line with right angles that are not behind its label. */
function around(points: readonly Point[], box: Box): Point[][] {
  const at = points.findIndex((point, index) => crosses(point, points[index + 1], box))
  const [above, below] = [points[at], points[at + 1]]
  if (!above || !below) return [[...points]]
  const isDownwards = below.y > above.y
  const edges = [box.y, box.y + box.height].map((y) => ({ x: above.x, y }))
  const [enter, leave] = isDownwards ? edges : edges.toReversed()
  return [
    [...points.slice(0, at + 1), enter!],
    [leave!, ...points.slice(at + 1)],
  ]
}

function crosses(from: Point, to: Point | undefined, { x, y, width, height }: Box): boolean {
  if (!to || from.x !== to.x || from.x < x || from.x > x + width) return false
  return Math.min(from.y, to.y) <= y && Math.max(from.y, to.y) >= y + height
}

/** With rounded corners. */
function pathOf(points: readonly Point[]): string {
  const radius = 6
  const steps = points.map((point, index) => {
    const before = points[index - 1]
    const after = points[index + 1]
    if (!before) return `M${point.x} ${point.y}`
    if (!after) return `L${point.x} ${point.y}`
    const begin = towards(point, before, radius)
    const end = towards(point, after, radius)
    return `L${begin.x} ${begin.y} Q${point.x} ${point.y} ${end.x} ${end.y}`
  })
  return steps.join(' ')
}

/** At most half the way. */
function towards(from: Point, to: Point, distance: number): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y)
  if (length === 0) return from
  const share = Math.min(distance, length / 2) / length
  const rounded = (value: number) => Math.round(value * 10) / 10
  return {
    x: rounded(from.x + (to.x - from.x) * share),
    y: rounded(from.y + (to.y - from.y) * share),
  }
}

function element(name: string, attributes: Attributes, children: readonly string[] = []): string {
  const given = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${escaped(String(value))}"`)
    .join('')
  if (children.length === 0) return `<${name}${given}/>`
  const isText = ['text', 'title', 'desc'].includes(name)
  const content = isText ? children.map(escaped).join('') : children.join('')
  return `<${name}${given}>${content}</${name}>\n`
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
