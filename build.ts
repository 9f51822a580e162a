/**
 * `dist/`: one small bin in old syntax that checks the Node version, and the program behind it, bundled
 * with everything it needs, so that the published package has no dependencies to install.
 */
import { rmSync } from 'node:fs'
import { build, type BuildOptions } from 'esbuild'

const shared = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  legalComments: 'linked',
  logLevel: 'warning',
} satisfies BuildOptions

rmSync('dist', { recursive: true, force: true })

await Promise.all([
  build({
    ...shared,
    entryPoints: { 'vllm-chill': 'src/cli/vllm-chill.ts' },
    outdir: 'dist',
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
  }),
  build({
    ...shared,
    // Each `import()` becomes a file of its own, so that `--version` or `simulate` load little.
    splitting: true,
    entryPoints: { main: 'src/cli/main.ts' },
    outdir: 'dist',
    chunkNames: '[name]-[hash]',
    target: 'node22',
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: true,
    // CommonJS dependencies call `require` for Node's own modules.
    banner: {
      js: "import { createRequire as chillCreateRequire } from 'node:module'; const require = chillCreateRequire(import.meta.url);",
    },
  }),
])
