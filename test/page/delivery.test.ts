import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ask, modelRow, openLive, startProgram, useBrowser } from './harness.ts'

useBrowser()

it('is less than 150 kB in all, before it is compressed', () => {
  const folder = join(import.meta.dirname, '../../dist/page')
  const bytes = readdirSync(folder).map((name) => statSync(join(folder, name)).size)
  expect(bytes.length).toBeGreaterThanOrEqual(4)
  expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThan(150_000)
})

it('comes with a strict policy, and what may be kept is kept', async () => {
  const { url } = await startProgram({ models: { a: {} } })
  const page = await fetch(`${url}/proxy/ui`)
  const policy = page.headers.get('content-security-policy') ?? ''
  expect(policy).toContain("default-src 'none'")
  expect(policy).toContain("frame-ancestors 'none'")
  expect(policy).toContain("require-trusted-types-for 'script'")
  expect(policy).not.toMatch(/unsafe|\*|https?:|data:|blob:/)
  expect(page.headers.get('x-content-type-options')).toBe('nosniff')
  expect(page.headers.get('referrer-policy')).toBe('no-referrer')
  const html = await page.text()
  expect(html).not.toMatch(/style=|<style|<script>|\son[a-z]+=|https?:/)

  const names = [...html.matchAll(/"ui\/([^"]+)"/g)].map(([, name]) => name)
  expect(names).toHaveLength(3)
  for (const name of names) {
    const asset = await fetch(`${url}/proxy/ui/${name}`)
    expect(asset.status).toBe(200)
    expect(asset.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    const again = await fetch(`${url}/proxy/ui/${name}`, {
      headers: { 'if-none-match': asset.headers.get('etag')! },
    })
    expect(again.status).toBe(304)
  }
  const etag = page.headers.get('etag')!
  expect(page.headers.get('cache-control')).toBe('no-cache')
  const unchanged = await fetch(`${url}/proxy/ui`, { headers: { 'if-none-match': etag } })
  expect(unchanged.status).toBe(304)

  const head = await fetch(`${url}/proxy/ui`, { method: 'HEAD' })
  expect([head.status, await head.text()]).toEqual([200, ''])
  const slash = await fetch(`${url}/proxy/ui/`, { redirect: 'manual' })
  expect([slash.status, slash.headers.get('location')]).toEqual([308, '../ui'])
  expect((await fetch(`${url}/proxy/ui/nothing.js`)).status).toBe(404)
})

it('names and texts of others are text, and nothing is asked of anybody else', async () => {
  const markup = '<img src=x onerror=alert(1)>'
  const program = await startProgram({ models: { a: { modelName: `org/${markup}` } } })
  const page = await openLive(program)
  const elsewhere: string[] = []
  page.on('request', (request) => {
    if (!request.url().startsWith(program.url)) elsewhere.push(request.url())
  })
  await modelRow(page, 'a').getByText(markup).waitFor()
  await ask(program, 'a')
  await page.getByLabel('Message').fill(markup)
  await page.keyboard.press('Enter')
  await page.getByText(`[a] you said: ${markup}`).waitFor()
  expect(await page.locator('img').count()).toBe(0)
  expect(elsewhere).toEqual([])
})
