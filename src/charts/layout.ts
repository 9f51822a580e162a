import type { ELK as Elk, ElkExtendedEdge, ElkNode } from 'elkjs/lib/elk-api.js'
import { arrowsOf, boxTextOf, sizeOfLabels, sizes, type Arrow } from './contents.ts'
import type { Chart, ChartState } from './graph.ts'

export interface Point {
  readonly x: number
  readonly y: number
}

export interface Box extends Point {
  readonly width: number
  readonly height: number
}

/** Where everything is. */
export interface Layout {
  readonly width: number
  readonly height: number
  /** By the state's path. */
  readonly states: Readonly<Record<string, Box>>
  /** The dots where a state's inside is entered; by its path, the whole chart's by an empty one. */
  readonly dots: Readonly<Record<string, Box>>
  /** In the order of `arrowsOf`. */
  readonly arrows: readonly { readonly points: readonly Point[]; readonly label: Box }[]
  /** The arrows from the dots. */
  readonly beginnings: readonly (readonly Point[])[]
}

const dotSize = 10

const options = {
  'elk.algorithm': 'layered',
  'elk.direction': 'DOWN',
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.json.shapeCoords': 'ROOT',
  'elk.json.edgeCoords': 'ROOT',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.spacing.nodeNode': '30',
  'elk.spacing.edgeNode': '16',
  'elk.spacing.edgeEdge': '12',
  'elk.spacing.edgeLabel': '4',
  'elk.spacing.labelLabel': '8',
  'elk.layered.spacing.nodeNodeBetweenLayers': '14',
  'elk.layered.spacing.edgeNodeBetweenLayers': '10',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '8',
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
  'elk.layered.edgeLabels.sideSelection': 'ALWAYS_UP',
}

/** Lays a chart out with the Eclipse Layout Kernel, which knows states inside states. */
export async function layOut(
  chart: Chart,
  main: readonly (readonly [string, string])[],
): Promise<Layout> {
  const { default: Kernel } = await import('elkjs/lib/elk.bundled.js')
  // Its types were written for CommonJS.
  const elk = new (Kernel as unknown as new () => Elk)()
  const arrows = arrowsOf(chart, main)
  const found = await elk.layout({
    ...nodeOf(chart, chart.root),
    layoutOptions: { ...options, 'elk.padding': '[top=10,left=10,bottom=10,right=10]' },
    edges: [...arrows.map((arrow, index) => edgeOf(chart, arrow, index)), ...beginningsOf(chart)],
  })
  const edges = new Map(edgesBelow(found).map((edge) => [edge.id, edge]))
  const boxes = boxesBelow(found)
  return {
    width: Math.ceil(found.width ?? 0),
    height: Math.ceil(found.height ?? 0),
    states: Object.fromEntries(chart.states.map(({ path }) => [path, boxes[path]!])),
    dots: Object.fromEntries(
      withInside(chart).map(({ path }) => [path, boxes[dotOf(path)]!] as const),
    ),
    arrows: arrows.map((arrow, index) => {
      const edge = edges.get(`arrow ${index}`)!
      const points = pointsOf(edge)
      return {
        points: leadsBack(chart, arrow) ? points.toReversed() : points,
        label: boxOf(edge.labels?.[0] ?? {}),
      }
    }),
    beginnings: beginningsOf(chart).map(({ id }) => pointsOf(edges.get(id)!)),
  }
}

function nodeOf(chart: Chart, state: ChartState): ElkNode {
  const { width, height } = boxTextOf(chart, state)
  const { path, states } = state
  if (states.length === 0) return { id: path, width, height }
  const { inset } = sizes
  return {
    id: path === '' ? 'chart' : path,
    children: [
      { id: dotOf(path), width: dotSize, height: dotSize },
      ...states.map((each) => nodeOf(chart, each)),
    ],
    layoutOptions: {
      ...options,
      'elk.padding': `[top=${height + inset},left=${inset},bottom=${inset},right=${inset}]`,
      'elk.nodeSize.constraints': 'MINIMUM_SIZE',
      'elk.nodeSize.minimum': `(${width}, ${height})`,
    },
  }
}

/**
 * Told the other way round where it leads back, so that no circle is left for the kernel to break, and
 * the states stand in the order in which the machine has them.
 */
function edgeOf(chart: Chart, arrow: Arrow, index: number): ElkExtendedEdge {
  const { from, to, isMain, labels } = arrow
  const [source, target] = leadsBack(chart, arrow) ? [to, from] : [from, to]
  return {
    id: `arrow ${index}`,
    sources: [source],
    targets: [target],
    labels: [
      {
        text: from,
        ...sizeOfLabels(labels),
        layoutOptions: { 'elk.edgeLabels.inline': 'true', 'elk.edgeLabels.placement': 'CENTER' },
      },
    ],
    ...(isMain && {
      layoutOptions: {
        'elk.layered.priority.straightness': '10',
        'elk.layered.priority.shortness': '5',
      },
    }),
  }
}

function leadsBack({ states }: Chart, { from, to }: Arrow): boolean {
  const place = (wanted: string) => states.findIndex(({ path }) => path === wanted)
  return place(from) > place(to)
}

function beginningsOf(chart: Chart): ElkExtendedEdge[] {
  return withInside(chart).map(({ path, initial }) => ({
    id: `beginning of ${path}`,
    sources: [dotOf(path)],
    targets: [initial ?? ''],
  }))
}

function withInside(chart: Chart): ChartState[] {
  return [chart.root, ...chart.states].filter(({ initial }) => initial !== undefined)
}

function dotOf(path: string): string {
  return `dot of ${path}`
}

function boxesBelow(node: ElkNode): Record<string, Box> {
  const inside = (node.children ?? []).map(boxesBelow)
  return Object.assign({ [node.id]: boxOf(node) }, ...inside) as Record<string, Box>
}

/** The kernel hands each edge to the state that holds both its ends. */
function edgesBelow(node: ElkNode): ElkExtendedEdge[] {
  const inside = (node.children ?? []).flatMap(edgesBelow)
  return [...(node.edges ?? []), ...inside]
}

function boxOf({ x = 0, y = 0, width = 0, height = 0 }: Partial<Box>): Box {
  return { x: tenths(x), y: tenths(y), width: tenths(width), height: tenths(height) }
}

function pointsOf({ sections = [] }: ElkExtendedEdge): Point[] {
  return sections.flatMap(({ startPoint, bendPoints = [], endPoint }) =>
    [startPoint, ...bendPoints, endPoint].map(({ x, y }) => ({ x: tenths(x), y: tenths(y) })),
  )
}

function tenths(length: number): number {
  return Math.round(length * 10) / 10
}
