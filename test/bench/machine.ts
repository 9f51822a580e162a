import { readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { createRequire } from 'node:module'
import { run } from './run.ts'
import type { Tools } from './tools.ts'

/** Where and with what it was measured, a line each. */
export async function describeMachine({ nginx, haproxy, go }: Tools): Promise<string[]> {
  const require = createRequire(import.meta.url)
  const version = (name: string) => {
    const file = require.resolve(name).replace(/(node_modules\/[^/]+)\/.*/, '$1/package.json')
    return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
  }
  // nginx says its version where errors go.
  const nginxSays = await run('sh', ['-c', `${nginx} -v 2>&1`])
  const haproxySays = await run(haproxy, ['-v'])
  const goSays = await run(go, ['version'])
  const first = (text: string, pattern: RegExp) => pattern.exec(text)?.[1] ?? '?'
  const [load = '?'] = readFileSync('/proc/loadavg', 'utf8').split(' ')
  return [
    `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, load ${load} before the run`,
    `Node ${process.versions.node}, h3 ${version('h3')}, undici ${version('undici')}`,
    `nginx ${first(nginxSays, /nginx\/(\S+)/)}, HAProxy ${first(haproxySays, /version (\d[\d.]*\d)/)}, Go ${first(goSays, /go(\d\S+)/)}`,
  ]
}
