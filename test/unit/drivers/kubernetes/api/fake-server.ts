import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { KubeConfig } from '@kubernetes/client-node'
import { onTestFinished, vi } from 'vitest'
import { createApi, type Api } from '../../../../../src/drivers/kubernetes/api/index.ts'

export interface Asked {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingMessage['headers']
  readonly body: unknown
}

type Handler = (asked: Asked, answer: ServerResponse) => void

export const log = () => ({ info: vi.fn(), warn: vi.fn(), error: vi.fn() })

/** An API server that answers as the test says. */
export async function fakeServer(
  handler: Handler,
  options: Partial<Parameters<typeof createApi>[1]> = {},
) {
  const asked: Asked[] = []
  const server = createServer((request, answer) => {
    void text(request).then((body) => {
      const one: Asked = {
        method: request.method ?? '',
        url: new URL(request.url ?? '', 'http://api'),
        headers: request.headers,
        body: body === '' ? undefined : JSON.parse(body),
      }
      asked.push(one)
      handler(one, answer)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const config = new KubeConfig()
  const url = `http://127.0.0.1:${port}`
  config.loadFromClusterAndUser(
    { name: 'fake', server: url, skipTLSVerify: true },
    { name: 'me', token: 't' },
  )
  const told = log()
  const api: Api = createApi(
    { config, server: url, namespace: 'ai', inCluster: false, renew() {} },
    { namespace: 'ai', log: told, timeoutMs: 2_000, budgetMs: 2_000, ...options },
  )
  return { api, asked, told, server }
}

export function reply(answer: ServerResponse, status: number, body: unknown, headers = {}): void {
  answer.writeHead(status, { 'content-type': 'application/json', ...headers })
  answer.end(JSON.stringify(body))
}

export const pod = (name: string, resourceVersion: number) => ({
  metadata: { name, resourceVersion: String(resourceVersion) },
})

export const podList = (resourceVersion: number, ...items: object[]) => ({
  metadata: { resourceVersion: String(resourceVersion) },
  items,
})
