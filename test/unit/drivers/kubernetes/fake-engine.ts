import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'

async function repeat(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { messages } = (await json(request)) as { messages: { content: string }[] }
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ said: messages.at(-1)?.content }))
}

/** What answers in a pod: a vLLM by what a driver asks of it. */
export async function startEngine(...names: readonly string[]) {
  const engine = {
    port: 0,
    url: '',
    names: [...names],
    /** Loaded, as `/health` has it. */
    isHealthy: true,
    /** Takes connections and answers nothing. */
    isSilent: false,
    /** The key that it wants. */
    apiKey: undefined as string | undefined,
    /** What `/metrics` says; undefined: there are none. */
    load: { running: 0, waiting: 0 } as { running: number; waiting: number } | undefined,
    /** Status of `/metrics`, where it is not well. */
    metricsStatus: 200,
    /** Paths that were asked for, in order. */
    asked: [] as string[],
    close,
  }
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    engine.asked.push(path)
    if (engine.isSilent) return
    const end = (status: number, text = '') => void response.writeHead(status).end(text)
    const { authorization } = request.headers
    if (path === '/v1/chat/completions') void repeat(request, response)
    else if (path === '/health') end(engine.isHealthy ? 200 : 503)
    else if (engine.apiKey !== undefined && authorization !== `Bearer ${engine.apiKey}`) end(401)
    else if (path === '/v1/models') {
      end(200, JSON.stringify({ data: engine.names.map((id) => ({ id })) }))
    } else if (path !== '/metrics' || engine.load === undefined) end(404)
    else {
      const { running, waiting } = engine.load
      end(
        engine.metricsStatus,
        `vllm:num_requests_running ${running}\nvllm:num_requests_waiting ${waiting}\n`,
      )
    }
  })
  async function close(): Promise<void> {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  engine.port = (server.address() as AddressInfo).port
  engine.url = `http://127.0.0.1:${engine.port}`
  onTestFinished(close)
  return engine
}

export type FakeEngine = Awaited<ReturnType<typeof startEngine>>
