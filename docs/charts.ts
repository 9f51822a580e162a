/**
 * Writes what docs/architecture.md shows of the charts: the diagrams, drawn from the machines, and the
 * table of events and states, rendered from docs/chart-table.ts. `node docs/charts.ts` writes; with
 * `--check` it fails when the page is stale.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { format, type FormatConfig } from 'oxfmt'
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate'
import formatting from '../.oxfmtrc.json' with { type: 'json' }
import { backendMachine, fleetMachine, poolMachine } from '../machines/index.ts'
import { table, type Leaf, type Row } from './chart-table.ts'

const page = new URL('architecture.md', import.meta.url)

const drawings: Readonly<Record<string, () => string>> = {
  backend: () => diagram(backendMachine),
  fleet: () => diagram(fleetMachine),
  pool: () => diagram(poolMachine),
  events: renderTable,
}

/** Page as it is, and as it should be. */
export async function architecturePage(): Promise<{ present: string; wanted: string }> {
  const present = await readFile(page, 'utf8')
  const drawn = present.replaceAll(
    /(<!-- chart: (\w+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, begin: string, name: string, end: string) => {
      const draw = drawings[name]
      if (!draw)
        throw new Error(`docs/architecture.md asks for a chart "${name}" that is not drawn`)
      return `${begin}\n${draw()}\n\n${end}`
    },
  )
  const { $schema: _, ignorePatterns: __, ...options } = formatting
  const { code, errors } = await format('architecture.md', drawn, options satisfies FormatConfig)
  if (errors.length > 0) throw new Error(`the page cannot be formatted: ${errors[0]?.message}`)
  return { present, wanted: code }
}

interface Edge {
  readonly source: AnyStateNode
  readonly target: AnyStateNode
  readonly label: string
}

/**
 * Mermaid cannot draw an arrow from inside one composite state into another, so such an arrow goes
 * between the outer states and its label says where inside it begins and ends.
 */
export function diagram(machine: AnyStateMachine): string {
  const { root } = machine
  const outer = Object.values(root.states) as AnyStateNode[]
  const edges = nodesBelow(root).flatMap(edgesFrom)
  const across = edges.filter(({ source, target }) => outermost(source) !== outermost(target))
  const lines = ['stateDiagram-v2']
  for (const state of outer) {
    const inside = edges.filter(
      ({ source, target }) => outermost(source) === state && outermost(target) === state,
    )
    lines.push(...composite(state, inside))
  }
  lines.push(`    [*] --> ${firstOf(root)}`)
  lines.push(...arrows(across, outermost, 1))
  for (const state of outer.filter(({ type }) => type === 'final')) {
    lines.push(`    ${state.key} --> [*]`)
  }
  return ['```mermaid', ...lines, '```'].join('\n')
}

function firstOf({ initial }: AnyStateNode): string {
  const [first] = initial.target ?? []
  return first ? nameOf(first) : ''
}

/** Mermaid's names are of the whole diagram, and two outer states have a `draining`. */
function nameOf({ path }: AnyStateNode): string {
  return path.join('_')
}

function composite(state: AnyStateNode, inside: readonly Edge[]): string[] {
  const inner = Object.values(state.states) as AnyStateNode[]
  if (inner.length === 0) return arrows(inside, outermost, 1)
  return [
    `    state ${state.key} {`,
    `        [*] --> ${firstOf(state)}`,
    ...inner.map((node) => `        state "${node.key}" as ${nameOf(node)}`),
    ...arrows(inside, (node) => node, 2),
    '    }',
  ]
}

/** One arrow for each pair of states, with all that leads along it. */
function arrows(
  edges: readonly Edge[],
  drawn: (node: AnyStateNode) => AnyStateNode,
  depth: number,
): string[] {
  const labels = new Map<string, Set<string>>()
  for (const { source, target, label } of edges) {
    const pair = `${nameOf(drawn(source))} --> ${nameOf(drawn(target))}`
    const from = drawn(source) === source ? '' : `${source.key}, `
    const to = drawn(target) === target ? '' : ` → ${target.key}`
    const known = labels.get(pair) ?? new Set<string>()
    labels.set(pair, known.add(`${from}${label}${to}`))
  }
  return Array.from(
    labels,
    ([pair, all]) => `${'    '.repeat(depth)}${pair} : ${[...all].join('<br/>')}`,
  )
}

function nodesBelow(node: AnyStateNode): AnyStateNode[] {
  const children = Object.values(node.states) as AnyStateNode[]
  return [...children, ...children.flatMap(nodesBelow)]
}

function outermost(node: AnyStateNode): AnyStateNode {
  let top = node
  while (top.parent?.parent) top = top.parent
  return top
}

function edgesFrom(source: AnyStateNode): Edge[] {
  const transitions = [...source.transitions.values(), source.always ?? []].flat()
  return transitions.flatMap((transition) =>
    (transition.target ?? []).map((target) => ({ source, target, label: labelOf(transition) })),
  )
}

/** What happened, and the guard; a guard alone where it is looked at after every event. */
function labelOf({ eventType, guard, source }: AnyTransitionDefinition): string {
  const condition = guardName(guard)
  const happened = eventName(eventType, source)
  if (happened === '') return condition
  return condition === '' ? happened : `${happened} and ${condition}`
}

function guardName(guard: unknown): string {
  if (typeof guard === 'string') return guard
  if (typeof guard === 'object' && guard !== null && 'type' in guard) return String(guard.type)
  return ''
}

function eventName(type: string, source: AnyStateNode): string {
  const effect = source.invoke.find(({ id }) => type.endsWith(`.actor.${id}`))
  const name = typeof effect?.src === 'string' ? effect.src : ''
  if (type.startsWith('xstate.done.')) return `${name} is done`
  if (type.startsWith('xstate.error.')) return `${name} fails`
  if (type.startsWith('xstate.after.')) return type.split('.')[2] ?? ''
  return type
}

function renderTable(): string {
  const sections: [string, (leaf: Leaf) => boolean][] = [
    ['cold', (leaf) => leaf === 'cold'],
    ['creatingResources and scalingUp', (leaf) => /^(creating|scalingUp)/.test(leaf)],
    ['ready', (leaf) => leaf.startsWith('ready')],
    ['switchingModel', (leaf) => leaf.startsWith('switchingModel')],
    ['idle', (leaf) => leaf.startsWith('idle')],
  ]
  return sections.map(([title, belongs]) => section(title, belongs)).join('\n\n')
}

function section(title: string, belongs: (leaf: Leaf) => boolean): string {
  const rows = table.filter((row) => row.in.some(belongs))
  const moves = rows.filter(({ outcome }) => outcome !== 'noted')
  const noted = rows.filter(({ outcome }) => outcome === 'noted')
  const statesOf = (row: Row) => row.in.filter(belongs).map((leaf) => code(shortened(leaf)))
  const lines = moves.map((row) => [whenOf(row), statesOf(row).join(', '), outcomeOf(row)])
  // What moves nothing stands together, so that what moves something is seen.
  const groups = Map.groupBy(noted, (row) => `${statesOf(row).join(', ')}|${outcomeOf(row)}`)
  for (const [first, ...others] of groups.values()) {
    if (!first) continue
    const whens = [first, ...others].map(whenOf).join('; ')
    lines.push([whens, statesOf(first).join(', '), outcomeOf(first)])
  }
  const rendered = lines.map((cells) => `| ${cells.join(' | ')} |`)
  return [`#### In ${title}`, '', '| When | in | then |', '| --- | --- | --- |', ...rendered].join(
    '\n',
  )
}

function whenOf({ when, given }: Row): string {
  return given === undefined ? when : `${when}, and ${given}`
}

function outcomeOf({ outcome, because, tells }: Row): string {
  const told = tells ? `; tells ${tells.map((fact) => `“${fact}”`).join(', ')}` : ''
  if (outcome === 'noted') return `noted${told}`
  const reason = because === undefined ? '' : ` (“${because}”)`
  return `${code(outcome)}${reason}${told}`
}

/** Inside a section, the inner state says enough. */
function shortened(leaf: Leaf): string {
  return leaf.slice(leaf.indexOf('.') + 1)
}

function code(text: string): string {
  return `\`${text}\``
}

if (import.meta.main) {
  const { present, wanted } = await architecturePage()
  if (!process.argv.includes('--check')) await writeFile(page, wanted)
  else if (present !== wanted) {
    process.stderr.write('docs/architecture.md is stale; run `node docs/charts.ts`\n')
    process.exitCode = 1
  }
}
