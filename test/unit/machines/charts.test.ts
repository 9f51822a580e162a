import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { architecturePage, diagram } from '../../../docs/charts.ts'
import { backendMachine, fleetMachine } from '../../../machines/index.ts'

describe('docs/architecture.md', () => {
  it('shows the charts and the table as they are; else run `node docs/charts.ts`', async () => {
    const { present, wanted } = await architecturePage()
    expect(present).toBe(wanted)
  })

  it('links to files that exist', async () => {
    const { present } = await architecturePage()
    const links = Array.from(present.matchAll(/\]\(([^)#]+)\)/g), ([, link]) => link!)
    expect(links.length).toBeGreaterThan(10)
    const docs = new URL('../../../docs/', import.meta.url)
    expect(links.filter((link) => !existsSync(new URL(link, docs)))).toEqual([])
  })
})

describe('a diagram', () => {
  it('shows every state, and guards in their own words', () => {
    const drawn = diagram(backendMachine)
    for (const state of ['cold', 'serving', 'unloadingFailed', 'rechecking', 'scalingDown']) {
      expect(drawn).toContain(state)
    }
    expect(drawn).toContain('switchingModel --> creatingResources : unloading, take replicas down')
    expect(diagram(fleetMachine)).toContain('blind --> observing : pause before looking again')
  })

  it('draws no arrow from inside one composite state into another, as Mermaid cannot', () => {
    const outside = diagram(backendMachine)
      .split('\n')
      .filter((line) => /^ {4}\S+ --> /.test(line))
    const outer = [...Object.keys(backendMachine.states), '[*]']
    for (const line of outside) {
      const [, from, to] = /^ {4}(\S+) --> (\S+)/.exec(line)!
      expect(outer).toContain(from)
      expect(outer).toContain(to)
    }
  })

  it('names each state once, as names hold in the whole of it', () => {
    const names = Array.from(diagram(backendMachine).matchAll(/ as (\S+)/g), ([, name]) => name)
    expect(names).toContain('idle_draining')
    expect(names).toContain('switchingModel_draining')
    expect(new Set(names).size).toBe(names.length)
  })

  it('has no character in a label that ends it', () => {
    const labels = Array.from(diagram(backendMachine).matchAll(/ : (.*)$/gm), ([, label]) => label!)
    expect(labels.filter((label) => /[:;#]/.test(label))).toEqual([])
  })
})
