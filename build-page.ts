/** The operators' page: script, style and picture under names that change with them, and its HTML. */
import { readFileSync } from 'node:fs'
import { basename, extname, resolve } from 'node:path'
import { build } from 'esbuild'

const source = 'src/page/browser'

/** Files of `dist/page`, not written yet. */
export async function buildPage(): Promise<{ path: string; contents: Uint8Array }[]> {
  const { outputFiles } = await build({
    entryPoints: [`${source}/page.tsx`, `${source}/page.css`, `${source}/icon.svg`],
    bundle: true,
    minify: true,
    format: 'esm',
    // The first with `light-dark()`.
    target: ['chrome123', 'firefox120', 'safari17.5'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    loader: { '.svg': 'copy' },
    outdir: 'dist/page',
    entryNames: '[name]-[hash]',
    legalComments: 'none',
    logLevel: 'warning',
    write: false,
  })
  const names = new Map(outputFiles.map(({ path }) => [originalName(path), basename(path)]))
  const html = readFileSync(`${source}/index.html`, 'utf8').replaceAll(
    /"ui\/([^"]+)"/g,
    (_, name: string) => `"ui/${names.get(name)}"`,
  )
  const index = { path: resolve('dist/page/index.html'), contents: Buffer.from(html) }
  return [...outputFiles, index]
}

/** `page.js` of `page-ABCDEFGH.js`. */
function originalName(path: string): string {
  const name = basename(path)
  return name.slice(0, name.lastIndexOf('-')) + extname(name)
}
