import { flagsOf, freePort, start, untilListening } from '../processes.ts'
import type { Contestant, Ground } from './contestant.ts'

/** httputil.ReverseProxy that reads the body for the model, as llama-swap and the original do. */
export async function startGo(
  { tools, backend }: Ground,
  name: string,
  isTuned: boolean,
): Promise<Contestant> {
  const port = await freePort()
  const options = { backend, port, tuned: isTuned ? 'yes' : 'no' }
  const running = start('proxy', [tools.bench, 'proxy', ...flagsOf(options)])
  await untilListening(port, running)
  return {
    name,
    url: `http://127.0.0.1:${port}`,
    pids: [running.pid],
    end: () => running.end(),
  }
}
