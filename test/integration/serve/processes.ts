import { readdir, readFile } from 'node:fs/promises'

/** Inherited by whatever a program under test starts, so that all of it can be found again. */
export const runIdName = 'TEST_RUN_ID'

/** Pids of all living processes of one run, the program itself among them; zombies hold nothing. */
export async function livingOf(runId: string): Promise<number[]> {
  return await processesWhere(async (pid) => {
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8')
    return environment.includes(`${runIdName}=${runId}`) && !(await isZombie(pid))
  })
}

/** Watchdogs of a launch: shells that carry its marker as an argument, and no run's id. */
export async function watchdogsOf(marker: string): Promise<number[]> {
  return await processesWhere(async (pid) => {
    const words = await commandLineOf(pid)
    return words.includes('vllm-chill-watchdog') && words.some((word) => word.endsWith(marker))
  })
}

export async function commandLineOf(pid: number): Promise<string[]> {
  return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0')
}

export function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended, as it should.
  }
}

async function isZombie(pid: number): Promise<boolean> {
  return /\) [ZX]/.test(await readFile(`/proc/${pid}/stat`, 'utf8'))
}

async function processesWhere(holds: (pid: number) => Promise<boolean>): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const found = await Promise.all(
    // A process may end, or be somebody else's, while it is looked at.
    pids.map(async (pid) => ((await holds(pid).catch(() => false)) ? [pid] : [])),
  )
  return found.flat()
}
