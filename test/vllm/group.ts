import { processTable } from '../../src/drivers/process/process-table.ts'
import { commandLineOf } from '../integration/serve/processes.ts'

/** vLLM's own names for what is below its front, and the simulator's worker. */
export type Member = 'VLLM::EngineCore' | 'VLLM::Worker' | '--gpu-worker'

/** The living process of that name in a process group; fails if there is none. */
export async function memberOf(group: number, name: Member): Promise<number> {
  for (const { pid } of await membersOf(group)) {
    const words = await commandLineOf(pid).catch(() => [])
    if (words.some((word) => word.startsWith(name))) return pid
  }
  throw new Error(`no ${name} in the process group ${group}`)
}

/** Everybody of a process group who still holds anything. */
export async function membersOf(group: number) {
  return (await processTable()).filter((entry) => entry.group === group && !entry.zombie)
}
