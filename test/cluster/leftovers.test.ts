import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { findBinaries } from './binaries/index.ts'
import { connect, eventually } from './control-plane/index.ts'
import { deploy, isReady } from './workload.ts'

const up = fileURLToPath(new URL('up.ts', import.meta.url))

describe.skipIf(findBinaries() === undefined)('of a cluster nothing is left', () => {
  it.each(['SIGINT', 'SIGKILL'] as const)('when its program gets %s', async (signal) => {
    const program = spawn(process.execPath, [up], { stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = once(program, 'exit')
    const [kubeconfig] = await kubeconfigs(program.stdout)
    const folder = dirname(kubeconfig ?? '')
    const work = await deploy(connect(kubeconfig ?? ''), 'survivor')
    await work.podThat('is ready', isReady)
    // etcd, API server, controllers, scheduler, the simulator and its GPU worker.
    expect(processesOf(folder).length).toBeGreaterThanOrEqual(6)
    program.kill(signal)
    await exited
    await eventually(() => processesOf(folder).length === 0, { what: 'no process of it is left' })
    await eventually(() => !existsSync(folder), { what: 'its folder is gone' })
  })
})

async function kubeconfigs(output: NodeJS.ReadableStream): Promise<string[]> {
  const files: string[] = []
  for await (const line of createInterface(output)) {
    const [, file] = /^export KUBECONFIG=(.*)$/.exec(line) ?? []
    if (file !== undefined) files.push(file)
    if (files.length === 2) break
  }
  return files
}

/** Those that name the folder in their command line or environment, but for the one that removes it. */
function processesOf(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
        if (command.includes('cluster-watchdog')) return false
        return `${command}${readFileSync(`/proc/${pid}/environ`, 'utf8')}`.includes(folder)
      } catch {
        return false
      }
    })
}
