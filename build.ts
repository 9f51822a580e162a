/**
 * `dist/`: one small bin in old syntax that checks the Node version, and the program behind it, bundled
 * with everything it needs, so that the published package has no dependencies to install. Beside it what
 * other programs may import: the program as a library, and the charts, with their types; and `page/`, the operators' page.
 */
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { build, type BuildOptions, type Plugin } from 'esbuild'
import { buildPage } from './build-page.ts'
import { declarationsOf } from './build-types.ts'
import { layoutOf } from './src/charts/layouts.ts'
import { chartNames } from './src/charts/named.ts'

const shared = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  outdir: 'dist',
  legalComments: 'linked',
  logLevel: 'warning',
  write: false,
} satisfies BuildOptions

/** The charts are laid out here and not where the package runs, as the layout library is large. */
const layouts: Plugin = {
  name: 'lay the charts out now',
  setup: (bundle) => {
    bundle.onLoad({ filter: /src[\\/]charts[\\/]layouts\.ts$/ }, async () => {
      const entries = chartNames.map(async (name) => [name, await layoutOf(name)] as const)
      const known = Object.fromEntries(await Promise.all(entries))
      return {
        contents: `const known = ${JSON.stringify(known)}; export const layoutOf = async (name) => known[name]`,
      }
    })
  },
}

const small = {
  target: 'node22',
  minifySyntax: true,
  minifyWhitespace: true,
} satisfies BuildOptions

/**
 * undici as far as this program uses it. Fetching, mocking, caching and what else there is would be read at each
 * start; the cluster's client, which fetches, still gets all of it. `request` is always told its dispatcher here.
 */
const usedOfUndici = `
import Agent from 'undici/lib/dispatcher/agent.js'
import Client from 'undici/lib/dispatcher/client.js'
import Dispatcher from 'undici/lib/dispatcher/dispatcher.js'
import * as methods from 'undici/lib/api/index.js'
Object.assign(Dispatcher.prototype, methods)
export { Agent, Client }
export function request(url, { dispatcher, ...options }) {
  const { origin, pathname, search } = new URL(url)
  const method = options.method ?? (options.body ? 'PUT' : 'GET')
  return dispatcher.request({ ...options, origin, path: pathname + search, method })
}`

const bin = await build({
  ...shared,
  entryPoints: { 'vllm-chill': 'src/cli/vllm-chill.ts' },
  target: 'node14',
  plugins: [leaveTo('main')],
})

const program = await build({
  ...shared,
  ...small,
  // Each `import()` becomes a file of its own, so that `--version` or `simulate` load little.
  splitting: true,
  entryPoints: {
    main: 'src/cli/main.ts',
    library: 'src/cli/library.ts',
    driver: 'machines/driver.ts',
  },
  // As CommonJS, which Node would take, OpenTelemetry is bundled with all that nobody uses: 0.5 MB.
  mainFields: ['module', 'main'],
  chunkNames: '[name]-[hash]',
  plugins: [
    layouts,
    // listhen makes certificates with it, and only for https, which is not served here. 6 MB of memory.
    replaced(/^node-forge$/, 'export default {}'),
    // What listhen can do for a development server, and is not asked for.
    replaced(/^(jiti|untun|tinyclip|@parcel\/watcher-wasm)$/, 'export default undefined'),
    replaced(/^undici$/, usedOfUndici, resolve('src')),
    // What zod says in other languages. 5 MB of memory.
    replaced(
      /^(\.\.\/)+locales\/index\.js$/,
      'export { default as en } from "zod/v4/locales/en.js"',
    ),
  ],
  // CommonJS dependencies call `require` for Node's own modules.
  banner: {
    js: "import { createRequire as chillCreateRequire } from 'node:module'; const require = chillCreateRequire(import.meta.url);",
  },
})

const charts = await build({
  ...shared,
  ...small,
  entryPoints: { machines: 'machines/index.ts' },
  // Theirs, so that they can run the charts in an actor system of their own.
  external: ['xstate'],
  // The class of a failed start is one, also where a driver takes it from the charts.
  plugins: [leaveTo('driver')],
})

const files = new Map<string, string | Uint8Array>()
for (const { path, contents } of [program, bin, charts].flatMap(({ outputFiles }) => outputFiles))
  files.set(basename(path), contents)
for (const { path, contents } of await buildPage()) files.set(relative('dist', path), contents)
for (const [path, text] of declarationsOf(['src/cli/library.ts', 'machines/index.ts']))
  files.set(join('types', path), text)

// Renamed into place, and old files removed last: a vllm-chill may be running from here.
for (const [name, contents] of files) {
  const path = join('dist', name)
  const unfinished = `${path}.unfinished-${process.pid}`
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(unfinished, contents)
  if (name === 'vllm-chill.js') chmodSync(unfinished, 0o755)
  renameSync(unfinished, path)
}
for (const entry of readdirSync('dist', { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name)
  const isWanted = files.has(path.slice('dist/'.length)) || isBeingWritten(path)
  if (entry.isFile() && !isWanted) rmSync(path, { force: true })
}

/** By another build, at this very time. */
function isBeingWritten(path: string): boolean {
  const [, pid] = /\.unfinished-(\d+)$/.exec(path) ?? []
  try {
    return pid !== undefined && process.kill(Number(pid), 0)
  } catch {
    return false
  }
}

/** Another entry that is a file of its own in `dist/`. */
function leaveTo(name: string): Plugin {
  return {
    name: `leave ${name}.ts to its own bundle`,
    setup: (bundle) => {
      bundle.onResolve({ filter: new RegExp(`^\\./${name}\\.ts$`) }, () => ({
        path: `./${name}.js`,
        external: true,
      }))
    },
  }
}

/** Other contents for a module, where a file below `folder` imports it. */
function replaced(filter: RegExp, contents: string, folder = resolve('.')): Plugin {
  const namespace = `instead of ${filter.source}`
  return {
    name: namespace,
    setup: (bundle) => {
      bundle.onResolve({ filter }, ({ path, resolveDir }) =>
        resolveDir.startsWith(folder) ? { path, namespace, pluginData: resolveDir } : undefined,
      )
      bundle.onLoad({ filter: /.*/, namespace }, ({ pluginData }) => ({
        contents,
        resolveDir: pluginData as string,
      }))
    },
  }
}
