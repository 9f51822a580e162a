import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { gzipSync } from 'node:zlib'

/** A file of the page as it is sent; read once, as an update may replace it while the program runs. */
export interface Asset {
  readonly type: string
  readonly etag: string
  readonly plain: Uint8Array<ArrayBuffer>
  readonly gzipped: Uint8Array<ArrayBuffer>
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** Beside the bundle in a package, and in `dist/` when the program runs from its source. */
const places = ['page', '../../dist/page'].map((place) => join(import.meta.dirname, place))

/** The built page by the names of its files; empty where it was never built. */
export function readAssets(): ReadonlyMap<string, Asset> {
  const folder = places.find((place) => existsSync(join(place, 'index.html')))
  if (folder === undefined) return new Map()
  const names = readdirSync(folder).filter((name) => types[extname(name)] !== undefined)
  return new Map(names.map((name) => [name, assetOf(join(folder, name))]))
}

function assetOf(path: string): Asset {
  const plain = new Uint8Array(readFileSync(path))
  const digest = createHash('sha256').update(plain).digest('base64url').slice(0, 16)
  return {
    type: types[extname(path)] as string,
    etag: digest,
    plain,
    gzipped: new Uint8Array(gzipSync(plain)),
  }
}
