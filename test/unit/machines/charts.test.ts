import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { architecturePage } from '../../../docs/charts.ts'

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
