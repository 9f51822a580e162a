import { once } from 'node:events'
import { open } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { answerPortForwards } from './port-forward.ts'
import { pause } from './probes.ts'

export interface KubeletLog {
  readonly file: string
  /** Nothing more will be written. */
  readonly isOver: () => boolean
}

export interface KubeletServerSetting {
  readonly address: string
  readonly port: number
  /** PEM; the API server does not verify a kubelet's certificate unless told to. */
  readonly cert: Buffer
  readonly key: Buffer
  logOf(
    where: { namespace: string; pod: string; container: string },
    which: 'present' | 'previous',
  ): KubeletLog | undefined
  readonly addressOf: (where: { namespace: string; pod: string }) => string | undefined
}

/** The part of a kubelet's API that `kubectl logs` and `kubectl port-forward` go through. */
export async function serveKubelet(setting: KubeletServerSetting): Promise<{ close(): void }> {
  const server = createServer({ cert: setting.cert, key: setting.key }, (request, response) => {
    const url = new URL(request.url ?? '/', 'https://kubelet')
    const [kind, namespace = '', pod = '', container = ''] = url.pathname.slice(1).split('/')
    const query = url.searchParams
    const which = query.get('previous') === 'true' ? 'previous' : 'present'
    const log = setting.logOf({ namespace, pod, container }, which)
    if (kind !== 'containerLogs' || log === undefined) {
      const terminated = which === 'previous' ? 'previous terminated ' : ''
      response.statusCode = kind === 'containerLogs' ? 400 : 404
      response.end(`${terminated}container "${container}" in pod "${pod}" not found`)
      return
    }
    response.setHeader('content-type', 'text/plain')
    void sendLog(log, query, response).catch(() => response.destroy())
  })
  const forwards = answerPortForwards(server, setting.addressOf)
  server.listen(setting.port, setting.address)
  await once(server, 'listening')
  return {
    close() {
      server.close()
      server.closeAllConnections()
      forwards.cut()
    },
  }
}

async function sendLog(
  log: KubeletLog,
  query: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  const closed = new AbortController()
  response.on('close', () => closed.abort())
  const file = await open(log.file)
  try {
    const text = await file.readFile()
    const tail = query.get('tailLines')
    const limit = Number(query.get('limitBytes') ?? Infinity)
    let from = tail === null ? text : lastLines(text, Number(tail))
    if (from.length > limit) from = from.subarray(0, limit)
    response.write(from)
    while (query.get('follow') === 'true' && !closed.signal.aborted) {
      const isOver = log.isOver()
      const more = await file.readFile()
      if (more.length > 0) response.write(more)
      else if (isOver) break
      else await pause(50, closed.signal)
    }
  } finally {
    await file.close()
    response.end()
  }
}

function lastLines(text: Buffer, count: number): Buffer {
  let at = text.length
  for (let left = count; left >= 0 && at > 0; left -= 1) at = text.lastIndexOf('\n', at - 1)
  // Either before everything, or at the end of the line before.
  return count === 0 ? text.subarray(text.length) : text.subarray(Math.max(0, at + 1))
}
