import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Agent, createServer, request as ask } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { type ApiRequest, readRequest, type RequestMatch, statusBody } from './requests.ts'

export interface Answer {
  readonly status: number
  /** How many requests get it; by default all until it is taken back. */
  readonly times?: number
  readonly retryAfterSeconds?: number
}

/** What can go wrong for single requests. Each of them returns what ends it. */
export interface HttpFaults {
  readonly port: number
  /** What was asked so far, whatever became of it. */
  readonly requests: readonly ApiRequest[]
  /** Matching requests get this answer, and the API server never sees them. */
  answer(match: RequestMatch, answer: Answer): () => void
  /** Matching requests are carried out, and the connection breaks instead of an answer. */
  loseAnswers(match: RequestMatch, times?: number): () => void
  /** Matching watches, present and future, stay open and say no more; the rest works. */
  stallWatches(match?: RequestMatch): () => void
  /** Present watches end as an API server ends them when its history was compacted. */
  expireWatches(match?: RequestMatch): void
  close(): Promise<void>
}

interface Rule {
  readonly match: RequestMatch
  left: number
  readonly answer: Answer | 'lost'
}

interface OpenWatch {
  readonly asked: ApiRequest
  readonly response: ServerResponse
  readonly source: IncomingMessage
}

export async function startHttpFaults(
  address: string,
  target: { readonly host: string; readonly port: number },
  tls: { readonly cert: Buffer; readonly key: Buffer },
): Promise<HttpFaults> {
  const agent = new Agent({ keepAlive: true, ca: tls.cert })
  const requests: ApiRequest[] = []
  const rules = new Set<Rule>()
  const stalls = new Set<RequestMatch>()
  const watches = new Set<OpenWatch>()

  const addRule = (rule: Rule) => {
    rules.add(rule)
    return () => void rules.delete(rule)
  }
  const ruleFor = (asked: ApiRequest) => {
    const rule = [...rules].find(({ match, left }) => left > 0 && match(asked))
    if (rule !== undefined) rule.left -= 1
    return rule?.answer
  }
  const isStalled = (asked: ApiRequest) => [...stalls].some((match) => match(asked))
  const follow = (watch: OpenWatch) => {
    watches.add(watch)
    watch.response.on('close', () => watches.delete(watch))
    watch.source.on('data', (piece) => void watch.response.write(piece))
    if (isStalled(watch.asked)) watch.source.pause()
    watch.source.on('end', () => watch.response.end())
  }
  const forward = (
    request: IncomingMessage,
    response: ServerResponse,
    asked: ApiRequest,
    lost: boolean,
  ) => {
    const { method, url: path, headers } = request
    const onward = ask({ ...target, method, path, headers, agent }, (source) => {
      source.on('error', () => response.destroy())
      if (lost) {
        // To its end, so that the change is really made before the client learns of nothing.
        source.on('end', () => response.destroy()).resume()
        return
      }
      response.writeHead(source.statusCode ?? 502, source.headers)
      response.flushHeaders()
      if (asked.isWatch) follow({ asked, response, source })
      else source.pipe(response)
    })
    onward.on('error', () => response.destroy())
    response.on('close', () => onward.destroy())
    request.pipe(onward)
  }
  const server = createServer(tls, (request, response) => {
    const asked = readRequest(request)
    requests.push(asked)
    response.on('error', () => {})
    const answer = ruleFor(asked)
    if (answer === undefined || answer === 'lost') {
      return forward(request, response, asked, answer === 'lost')
    }
    request.resume()
    const { status, retryAfterSeconds } = answer
    if (retryAfterSeconds !== undefined) response.setHeader('retry-after', retryAfterSeconds)
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(statusBody(status, retryAfterSeconds)))
  })
  // A watch is quiet for as long as nothing changes.
  server.requestTimeout = 0
  server.on('upgrade', (request: IncomingMessage, client: Socket, head: Buffer) => {
    requests.push(readRequest(request))
    carryUpgrade(request, client, head, target, tls.cert)
  })
  server.listen(0, address)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    answer: (match, answer) => addRule({ match, left: answer.times ?? Infinity, answer }),
    loseAnswers: (match, times = Infinity) => addRule({ match, left: times, answer: 'lost' }),
    stallWatches(match = () => true) {
      stalls.add(match)
      for (const { asked, source } of watches) if (match(asked)) source.pause()
      return () => {
        stalls.delete(match)
        for (const { asked, source } of watches) if (!isStalled(asked)) source.resume()
      }
    },
    expireWatches(match = () => true) {
      const event = { type: 'ERROR', object: statusBody(410) }
      for (const { asked, response, source } of watches) {
        if (!match(asked)) continue
        source.removeAllListeners('data')
        response.end(`${JSON.stringify(event)}\n`)
      }
    },
    async close() {
      server.close()
      server.closeAllConnections()
      agent.destroy()
      await once(server, 'close')
    },
  }
}

/** Port-forward and exec: the bytes after the handshake are nobody's business here. */
function carryUpgrade(
  request: IncomingMessage,
  client: Socket,
  head: Buffer,
  target: { readonly host: string; readonly port: number },
  ca: Buffer,
): void {
  const { method, url: path, headers } = request
  const onward = ask({ ...target, method, path, headers, ca, agent: false })
  client.on('error', () => onward.destroy())
  onward.on('error', () => client.destroy())
  onward.on('response', () => client.destroy())
  onward.on('upgrade', (answer, socket, first) => {
    const lines = answer.rawHeaders.flatMap((name, index, all) =>
      index % 2 === 0 ? [`${name}: ${all[index + 1]}`] : [],
    )
    client.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`)
    client.write(first)
    socket.write(head)
    socket.on('error', () => client.destroy())
    client.on('error', () => socket.destroy())
    socket.pipe(client).pipe(socket)
  })
  onward.end()
}
