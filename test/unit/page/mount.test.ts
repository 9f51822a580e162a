import { H3 } from 'h3'
import { describe, expect, it, vi } from 'vitest'
import type { Asset } from '../../../src/page/assets.ts'

const assetOf = (type: string, text: string): Asset => ({
  type,
  etag: text,
  plain: new TextEncoder().encode(text),
  gzipped: new TextEncoder().encode(`zipped ${text}`),
})
const built = new Map([
  ['index.html', assetOf('text/html; charset=utf-8', 'index')],
  ['page-ABC.js', assetOf('text/javascript; charset=utf-8', 'script')],
])
const readAssets = vi.hoisted(() => vi.fn<() => ReadonlyMap<string, Asset>>())
vi.mock('../../../src/page/assets.ts', () => ({ readAssets }))
const { mountPage } = await import('../../../src/page/index.ts')

function ask(path: string, init: RequestInit = {}, assets = built) {
  readAssets.mockReturnValue(assets)
  const app = new H3()
  mountPage(app)
  return app.request(path, init)
}

describe('the page', () => {
  it('is asked for anew each time, and what its names carry a hash of is kept', async () => {
    const index = await ask('/proxy/ui')
    expect(index.headers.get('cache-control')).toBe('no-cache')
    expect(await index.text()).toBe('index')
    const script = await ask('/proxy/ui/page-ABC.js')
    expect(script.headers.get('cache-control')).toContain('immutable')
    expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
  })

  it('is sent zipped to who takes that, under another tag', async () => {
    const zipped = await ask('/proxy/ui', { headers: { 'accept-encoding': 'gzip, br' } })
    expect(await zipped.text()).toBe('zipped index')
    expect(zipped.headers.get('content-encoding')).toBe('gzip')
    expect(zipped.headers.get('etag')).not.toBe((await ask('/proxy/ui')).headers.get('etag'))
  })

  it('is not sent again to who has it, and HEAD has no body', async () => {
    const same = await ask('/proxy/ui', { headers: { 'if-none-match': '"index"' } })
    expect([same.status, await same.text()]).toEqual([304, ''])
    const head = await ask('/proxy/ui', { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([
      200,
      '5',
      '',
    ])
  })

  it('has one address', async () => {
    const slash = await ask('/proxy/ui/')
    expect([slash.status, slash.headers.get('location')]).toEqual([308, '../ui'])
    expect((await ask('/proxy/ui/index.html')).status).toBe(404)
  })

  it('says how it is built where it was not', async () => {
    const missing = await ask('/proxy/ui', {}, new Map())
    expect(missing.status).toBe(503)
    expect(await missing.text()).toContain('npm run build')
  })
})
