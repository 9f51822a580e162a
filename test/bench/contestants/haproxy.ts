import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort, start, untilListening } from '../processes.ts'
import type { Contestant, Ground } from './contestant.ts'

/** One thread, kept and shared connections, no log. */
export async function startHaproxy({ tools, backend, folder }: Ground): Promise<Contestant> {
  const port = await freePort()
  const file = join(folder, 'haproxy.cfg')
  await writeFile(
    file,
    `
global
  nbthread 1
  maxconn 8000
defaults
  mode http
  option http-keep-alive
  option http-no-delay
  http-reuse always
  timeout connect 5s
  timeout client 300s
  timeout server 300s
frontend clients
  bind 127.0.0.1:${port} backlog 4096
  default_backend backend
backend backend
  server one ${new URL(backend).host} pool-max-conn -1
`,
  )
  const running = start('proxy', [tools.haproxy, '-db', '-f', file])
  await untilListening(port, running)
  return {
    name: 'haproxy',
    url: `http://127.0.0.1:${port}`,
    pids: [running.pid],
    end: () => running.end(),
  }
}
