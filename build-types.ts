/**
 * Declarations of what the package exports: as `tsc` makes them, of those files only that the exports
 * lead to, so that they need nothing installed beside Node's own types (and XState for the charts).
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

/**
 * @param entries source files, from the root of the project
 * @returns text by path below `dist/types`, in the folders of the sources
 */
export function declarationsOf(entries: readonly string[]): Map<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'vllm-chill-types-'))
  try {
    const options = {
      noEmit: false,
      declaration: true,
      emitDeclarationOnly: true,
      // `npm run typecheck` does that; here it would only take time.
      noCheck: true,
      rewriteRelativeImportExtensions: true,
      rootDir: resolve('.'),
      typeRoots: [resolve('node_modules/@types')],
      outDir: join(folder, 'out'),
    }
    const project = join(folder, 'tsconfig.json')
    const files = entries.map((entry) => resolve(entry))
    const text = { extends: resolve('tsconfig.json'), compilerOptions: options, include: [], files }
    writeFileSync(project, JSON.stringify(text))
    execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '--project', project])
    return reachable(entries, (path) => readFileSync(join(folder, 'out', path), 'utf8'))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function reachable(
  entries: readonly string[],
  read: (path: string) => string,
): Map<string, string> {
  const found = new Map<string, string>()
  const open = entries.map((entry) => entry.replace(/\.ts$/, '.d.ts'))
  for (const path of open) {
    if (found.has(path)) continue
    // The declarations keep the endings of the sources, which are not published.
    const text = read(path).replaceAll(/((?:from|import\()\s*['"]\.[^'"]*)\.ts(['"])/g, '$1.js$2')
    found.set(path, text)
    for (const [, target = ''] of text.matchAll(/(?:from|import\()\s*['"](\.[^'"]*)\.js['"]/g))
      open.push(join(dirname(path), `${target}.d.ts`))
  }
  return found
}
