import DOMPurify from 'dompurify'
import mermaid from 'mermaid'
import { describe, expect, it } from 'vitest'
import { createMachine } from 'xstate'
import { renderAscii } from '../../../src/charts/ascii.ts'
import { readChart, type ChartTransition } from '../../../src/charts/graph.ts'
import { chartNames, renderChart } from '../../../src/charts/index.ts'
import { renderMermaid } from '../../../src/charts/mermaid.ts'
import { charts } from '../../../src/charts/named.ts'
import { happening, label } from '../../../src/charts/words.ts'

// It cleans labels with a browser's parser, which Node has not; what is tested is the grammar.
Object.assign(DOMPurify, { addHook() {}, sanitize: (text: string) => text })

const all = chartNames.map((name) => [name, readChart(charts[name].machine)] as const)

/** Line breaks and indentation, and the bars of the tree, are of the format and not of the words. */
function inOneLine(text: string): string {
  return text.replaceAll(/[\s│├└─]+/g, ' ')
}

describe.each(all)('the chart of the %s', (name, chart) => {
  it('has every state of the machine, and what can happen in each', () => {
    const { machine } = charts[name]
    expect(chart.states.map(({ name }) => name)).toEqual(
      expect.arrayContaining(Object.keys(machine.states)),
    )
    expect(chart.transitions.length).toBeGreaterThan(8)
    const events = new Set(chart.transitions.map(({ event }) => event).filter((e) => e !== ''))
    // XState's own list of what it handles.
    expect(events).toEqual(new Set(machine.events))
  })

  it('is a tree of words that fits a terminal, and a narrow one', async () => {
    const text = await renderChart(name, 'ascii', { columns: 200 })
    const tree = inOneLine(text)
    for (const state of chart.states) expect(tree).toContain(` ${state.name} `)
    for (const transition of chart.transitions) {
      expect(tree).toContain(`${label(transition)}${arrowOf(transition)}`)
    }
    for (const columns of [80, 40]) {
      const lines = renderAscii(chart, columns).split('\n')
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns)
      expect(inOneLine(lines.join('\n')).length).toBeGreaterThanOrEqual(tree.length - 5)
    }
  })

  it("is taken by Mermaid's own parser", async () => {
    const text = await renderChart(name, 'mermaid')
    await expect(mermaid.parse(text)).resolves.toMatchObject({ diagramType: 'stateDiagram' })
    await expect(mermaid.parse(`${text}\n    cold -->`)).rejects.toThrow(/Parse error/)
    for (const state of chart.states) expect(text).toMatch(new RegExp(`\\b${state.name}\\b`))
    for (const transition of chart.transitions) {
      expect(text).toContain(happening(transition))
      expect(text).toContain(transition.guard ?? '')
    }
  })

  it('is a configuration from which XState makes the same machine', async () => {
    const text = await renderChart(name, 'json')
    const copy = createMachine(JSON.parse(text))
    expect(readChart(copy)).toEqual(chart)
  })
})

function arrowOf({ from, to }: ChartTransition): string {
  if (to === undefined) return ''
  return ` → ${to === from ? 'itself' : to}`
}

describe('a chart', () => {
  it('names delays that are numbers, and keeps what has no name', () => {
    const chart = readChart(
      createMachine({
        id: 'lamp',
        initial: 'on',
        entry: () => {},
        states: {
          on: { after: { 1500: { target: 'off', guard: () => true } }, exit: 'click' },
          off: { type: 'final' },
        },
      }),
    )
    expect(chart.root.entry).toEqual([])
    expect(chart.states).toMatchObject([
      { path: 'on', exit: ['click'], kind: 'atomic' },
      { path: 'off', kind: 'final' },
    ])
    expect(chart.transitions.map(label)).toEqual(['after 1.5 s'])
  })

  it('tells the end of what is inside a state from the end of an effect', () => {
    const config = {
      id: 'job',
      initial: 'work',
      states: {
        work: {
          initial: 'going',
          invoke: [{ src: 'watch' }],
          states: { going: { on: { end: 'done' } }, done: { type: 'final' } },
          onDone: 'rest',
        },
        rest: {},
      },
    } as const
    const chart = readChart(createMachine(config))
    expect(chart.transitions.map((each) => [label(each), each.to])).toEqual([
      ['work is done', 'rest'],
      ['end', 'work.done'],
    ])
  })
})

describe('a diagram for Mermaid', () => {
  const chart = readChart(charts.backend.machine)
  const drawn = renderMermaid(chart)

  it('draws no arrow from inside one composite state into another, as Mermaid cannot', () => {
    const outside = drawn.split('\n').filter((line) => /^ {4}\S+ --> /.test(line))
    const outer = [...chart.root.states.map(({ name }) => name), '[*]']
    expect(outside.length).toBeGreaterThan(10)
    for (const line of outside) {
      const [, from, to] = /^ {4}(\S+) --> (\S+)/.exec(line)!
      expect(outer).toContain(from)
      expect(outer).toContain(to)
    }
    expect(drawn).toContain('switchingModel --> creatingResources : unloading, take replicas down')
  })

  it('names each state once, as names hold in the whole of it', () => {
    const names = Array.from(drawn.matchAll(/ as (\S+)/g), ([, name]) => name)
    expect(names).toContain('idle_draining')
    expect(names).toContain('switchingModel_draining')
    expect(new Set(names).size).toBe(names.length)
  })
})
