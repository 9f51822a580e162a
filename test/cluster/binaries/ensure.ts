import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildBinaries } from './build.ts'
import { binaryNames, cacheFolder, findBinaries } from './find.ts'

/**
 * `node test/cluster/binaries/ensure.ts`: after it the control plane's binaries are there. Costs
 * nothing when they are; two of them at once build once.
 */
const say = (line: string) => console.log(`kube binaries: ${line}`)
const lockedWord = '--with-the-lock'

async function ensure(): Promise<void> {
  if (findBinaries() !== undefined) return say('there')
  const cache = cacheFolder()
  await mkdir(dirname(cache), { recursive: true })
  if (process.argv.includes(lockedWord)) return await buildInto(cache)
  // flock's lock goes with its process, however that ends; a lock file of our own would stay.
  const locker = 'flock'
  const self = [process.execPath, fileURLToPath(import.meta.url), lockedWord]
  const child = spawn(locker, [`${cache}.lock`, ...self], { stdio: 'inherit' })
  const [code] = await once(child, 'exit')
  process.exitCode = code ?? 1
}

async function buildInto(cache: string): Promise<void> {
  const parent = dirname(cache)
  const prefix = `${basename(cache)}.building-`
  // Left by one that was killed: with the lock ours, nobody works in them.
  for (const name of await readdir(parent)) {
    if (name.startsWith(prefix)) await remove(join(parent, name))
  }
  // Beside the cache and not in the system's temporary folder: 3 GB may not fit there, and the
  // binaries can be moved in at one go.
  const folder = await mkdtemp(join(parent, prefix))
  try {
    const startedAt = Date.now()
    const built = await buildBinaries(folder, say)
    for (const name of binaryNames) await chmod(join(built, name), 0o755)
    if (existsSync(cache)) await remove(cache)
    await rename(built, cache)
    say(`in ${cache}, after ${Math.round((Date.now() - startedAt) / 1000)} s`)
  } finally {
    await remove(folder)
  }
}

const remove = (folder: string) => rm(folder, { recursive: true, force: true, maxRetries: 5 })

try {
  await ensure()
} catch (error) {
  console.error(`kube binaries: ${(error as Error).message}`)
  process.exitCode = 1
}
