/**
 * `dist/`: one small bin in old syntax that checks the Node version, and the program behind it, bundled
 * with everything it needs, so that the published package has no dependencies to install.
 */
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { build, type BuildOptions, type Plugin } from 'esbuild'

const shared = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  outdir: 'dist',
  legalComments: 'linked',
  logLevel: 'warning',
  write: false,
} satisfies BuildOptions

const bin = await build({
  ...shared,
  entryPoints: { 'vllm-chill': 'src/cli/vllm-chill.ts' },
  target: 'node14',
  plugins: [
    {
      name: 'leave main.ts to its own bundle',
      setup: (bundle) => {
        bundle.onResolve({ filter: /^\.\/main\.ts$/ }, () => ({
          path: './main.js',
          external: true,
        }))
      },
    },
  ],
})

/** 0.7 MB that listhen has for TLS, tunnels, reloads and the clipboard, which are never asked of it here. */
const withoutUnused: Plugin = {
  name: 'leave out what listhen does beside listening',
  setup: (bundle) => {
    const unused = /^(node-forge|jiti|untun|tinyclip|@parcel\/watcher-wasm)$/
    bundle.onResolve({ filter: unused }, ({ path }) => ({ path, namespace: 'unused' }))
    bundle.onLoad({ filter: unused, namespace: 'unused' }, () => ({
      contents: 'export default {}',
    }))
  },
}

const program = await build({
  ...shared,
  plugins: [withoutUnused],
  // Each `import()` becomes a file of its own, so that `--version` or `simulate` load little.
  splitting: true,
  entryPoints: { main: 'src/cli/main.ts' },
  // As CommonJS, which Node would take, OpenTelemetry is bundled with all that nobody uses: 0.5 MB.
  mainFields: ['module', 'main'],
  chunkNames: '[name]-[hash]',
  target: 'node22',
  minifySyntax: true,
  minifyWhitespace: true,
  keepNames: true,
  // CommonJS dependencies call `require` for Node's own modules.
  banner: {
    js: "import { createRequire as chillCreateRequire } from 'node:module'; const require = chillCreateRequire(import.meta.url);",
  },
})

// Renamed into place, and old files removed last: a vllm-chill may be running from here.
mkdirSync('dist', { recursive: true })
const written = new Set<string>()
for (const { path, contents } of [...program.outputFiles, ...bin.outputFiles]) {
  const unfinished = `${path}.${process.pid}`
  writeFileSync(unfinished, contents)
  if (basename(path) === 'vllm-chill.js') chmodSync(unfinished, 0o755)
  renameSync(unfinished, path)
  written.add(basename(path))
}
for (const name of readdirSync('dist')) {
  if (!written.has(name)) rmSync(`dist/${name}`, { recursive: true })
}
