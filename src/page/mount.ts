import type { H3, H3Event } from 'h3'
import { readAssets, type Asset } from './assets.ts'
import { pageHeaders } from './headers.ts'

/** Their names carry a hash of what is in them. */
const forever = 'public, max-age=31536000, immutable'

/**
 * The operators' page at `/proxy/ui`. It holds nothing secret and so asks for no token; what it then
 * reads does. Mounted beside the operators' API, which says what is not found.
 */
export function mountPage(app: H3): void {
  const assets = readAssets()
  for (const method of ['GET', 'HEAD'] as const) {
    app.on(method, '/proxy/ui', (event) => index(assets, event))
    for (const [name, asset] of assets) {
      if (name === 'index.html') continue
      app.on(method, `/proxy/ui/${name}`, (event) => send(asset, event, forever))
    }
  }
}

function index(assets: ReadonlyMap<string, Asset>, event: H3Event): Response {
  // The page's own addresses are relative, as it may stand behind a prefix.
  if (event.url.pathname.endsWith('/')) {
    return new Response(null, { status: 308, headers: { location: '../ui' } })
  }
  const page = assets.get('index.html')
  if (page) return send(page, event, 'no-cache')
  const hint = 'The page is not built: run `npm run build` and start vllm-chill again.\n'
  return new Response(hint, { status: 503, headers: { 'content-type': 'text/plain' } })
}

function send(asset: Asset, { req }: H3Event, cacheControl: string): Response {
  const zipped = /\bgzip\b/.test(req.headers.get('accept-encoding') ?? '')
  const etag = `"${asset.etag}${zipped ? '-gzip' : ''}"`
  const headers = new Headers({
    ...pageHeaders,
    'cache-control': cacheControl,
    etag,
    vary: 'accept-encoding',
  })
  if (req.headers.get('if-none-match')?.includes(etag)) {
    return new Response(null, { status: 304, headers })
  }
  const bytes = zipped ? asset.gzipped : asset.plain
  headers.set('content-type', asset.type)
  headers.set('content-length', String(bytes.byteLength))
  if (zipped) headers.set('content-encoding', 'gzip')
  return new Response(req.method === 'HEAD' ? null : bytes, { headers })
}
