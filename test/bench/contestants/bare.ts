import { fileURLToPath } from 'node:url'
import { freePort, start, untilListening } from '../processes.ts'
import type { Contestant, Ground } from './contestant.ts'

const program = fileURLToPath(new URL('../fixtures/bare-proxy.ts', import.meta.url))

/** h3 and our forwarder with no logic; or, told to parse, what reads and parses the body before it sends it. */
export async function startBare(
  { backend }: Ground,
  name: string,
  mode: 'forward' | 'parse',
): Promise<Contestant> {
  const port = await freePort()
  const running = start('proxy', [process.execPath, program, backend, String(port), mode])
  await untilListening(port, running)
  return {
    name,
    url: `http://127.0.0.1:${port}`,
    pids: [running.pid],
    end: () => running.end(),
  }
}
