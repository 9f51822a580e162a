import { describe, expect, it } from 'vitest'
import { SaxesParser, type SaxesTagPlain } from 'saxes'
import { arrowsOf } from '../../../src/charts/contents.ts'
import { readChart } from '../../../src/charts/graph.ts'
import { chartNames, renderChart } from '../../../src/charts/index.ts'
import { layoutOf } from '../../../src/charts/layouts.ts'
import type { Box } from '../../../src/charts/layout.ts'
import { charts } from '../../../src/charts/named.ts'

type Tag = SaxesTagPlain['attributes'] & { tag: string }

/** Rejects what is not well-formed XML. */
function tagsOf(svg: string): Tag[] {
  const tags: Tag[] = []
  const parser = new SaxesParser({ xmlns: false })
  parser.on('error', (error) => {
    throw error
  })
  parser.on('opentag', ({ name, attributes }) => tags.push({ ...attributes, tag: name }))
  parser.write(svg).close()
  return tags
}

function overlap(one: Box, other: Box): boolean {
  return (
    one.x < other.x + other.width &&
    other.x < one.x + one.width &&
    one.y < other.y + other.height &&
    other.y < one.y + one.height
  )
}

describe.each(chartNames)('the picture of the %s', (name) => {
  const { machine, main } = charts[name]
  const chart = readChart(machine)

  it('is well-formed, and has a title, a description and ids of its own', async () => {
    const tags = tagsOf(await renderChart(name, 'svg'))
    const [svg] = tags
    const ids = tags.flatMap(({ id }) => id ?? [])
    expect(svg).toMatchObject({ tag: 'svg', role: 'img', 'data-chart': name })
    expect(ids).toEqual(expect.arrayContaining(svg!['aria-labelledby']!.split(' ')))
    expect(ids.every((id) => id.startsWith(`chart-${name}-`))).toBe(true)
    expect(new Set(ids).size).toBe(ids.length)
    const twin = tagsOf(await renderChart(name, 'svg', { idPrefix: 'twin-' }))
    expect(twin.flatMap(({ id }) => id ?? []).filter((id) => ids.includes(id))).toEqual([])
  })

  it('shows each state and each transition, and says which is which', async () => {
    const tags = tagsOf(await renderChart(name, 'svg'))
    const states = tags.flatMap((tag) => tag['data-state'] ?? [])
    expect(states.sort()).toEqual(chart.states.map(({ path }) => path).sort())
    const edges = tags
      .filter((tag) => 'data-edge' in tag)
      .map((tag) => [tag['data-edge'], tag['data-target'], tag['data-event'], tag['data-guard']])
    const wanted = chart.transitions.map(({ from, to = '', name, guard }) => [
      from,
      to,
      name,
      guard,
    ])
    expect(edges.map(String).sort()).toEqual(wanted.map(String).sort())
  })

  it('leaves all colours to a stylesheet, which can be left out', async () => {
    const withStyle = await renderChart(name, 'svg')
    const bare = await renderChart(name, 'svg', { bare: true })
    expect(withStyle).toMatch(/<style>[^<]*prefers-color-scheme: dark/)
    expect(bare).not.toMatch(/style|fill=|stroke=|#[0-9a-f]{3,6}"/)
    expect(withStyle.length).toBeGreaterThan(bare.length)
  })

  it('has no label over another one, over a state, or outside', async () => {
    const { arrows, states, width, height } = await layoutOf(name)
    const leaves = chart.states.filter(({ states }) => states.length === 0)
    const labels = arrows.map(({ label }) => label)
    const solid = [...labels, ...leaves.map(({ path }) => states[path]!)]
    const wrong = labels.flatMap((label) =>
      solid.filter((other) => other !== label && overlap(label, other)),
    )
    expect(wrong).toEqual([])
    for (const { x, y, ...box } of solid) {
      expect(Math.min(x, y)).toBeGreaterThanOrEqual(0)
      expect(x + box.width).toBeLessThanOrEqual(width)
      expect(y + box.height).toBeLessThanOrEqual(height)
    }
  })

  it('draws the usual way stronger, along arrows that there are', () => {
    const strong = arrowsOf(chart, main).filter(({ isMain }) => isMain)
    expect(strong.map(({ from, to }) => `${from} ${to}`).sort()).toEqual(
      main.map((pair) => pair.join(' ')).sort(),
    )
  })
})
