import { execFile } from 'node:child_process'
import { readFile, statfs } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const gib = 1024 ** 3

/** Bytes; installed it is 6.4 GiB, and pip unpacks on the way. */
const diskNeeded = 12 * gib
/** Bytes; one server with a tiny model takes 2 GiB in three processes, and pip's own come on top. */
const memoryNeeded = 4 * gib

/** Pythons that the pinned packages have wheels for. */
const pythons = ['python3.11', 'python3']

/** A Python for the environment. */
export async function findPython(): Promise<string | undefined> {
  const program = 'import sys, venv, ensurepip; print(sys.version_info[:2] == (3, 11))'
  for (const name of pythons) {
    const answer = await run(name, ['-c', program]).catch(() => undefined)
    if (answer?.stdout.trim() === 'True') return name
  }
  return undefined
}

/**
 * Why this machine cannot have vLLM for CPUs, or undefined when nothing speaks against it.
 * @param folder on the disk it would be put on
 */
export async function whyNot(folder: string): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `the wheels are for Linux on x86-64, and this is ${process.platform} on ${process.arch}`
  }
  const flags = await readFile('/proc/cpuinfo', 'utf8')
  if (!/^flags.*\bavx2\b/m.test(flags)) return 'the processor has no AVX2'
  if ((await findPython()) === undefined) return 'there is no Python 3.11 with venv and pip'
  const disk = await statfs(folder)
  const free = disk.bavail * disk.bsize
  if (free < diskNeeded)
    return `${inGib(diskNeeded)} of disk are needed, and ${inGib(free)} are free`
  const memory = await availableMemory()
  if (memory < memoryNeeded) {
    return `${inGib(memoryNeeded)} of memory are needed, and ${inGib(memory)} are available`
  }
  return undefined
}

/** Bytes; what the kernel could hand out, caches included. */
async function availableMemory(): Promise<number> {
  const [, kib = '0'] =
    /^MemAvailable:\s+(\d+)/m.exec(await readFile('/proc/meminfo', 'utf8')) ?? []
  return Number(kib) * 1024
}

const inGib = (bytes: number): string => `${(bytes / gib).toFixed(1)} GiB`
