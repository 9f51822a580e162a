import { freePort, start, untilListening } from '../processes.ts'
import type { Tools } from '../tools.ts'
import type { Contestant } from './contestant.ts'

/** The backend that all but vllm-chill share; vllm-chill starts another one of the same kind. */
export async function startBackend({ bench }: Tools): Promise<Contestant> {
  const port = await freePort()
  const running = start('rest', [bench, 'backend', '--port', String(port)])
  await untilListening(port, running)
  const url = `http://127.0.0.1:${port}`
  return { name: 'direct', url, pids: [], end: () => running.end() }
}
