import { createServer, request, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { H3, toNodeHandler } from 'h3'
import { onTestFinished } from 'vitest'
import type { Catalogue, CatalogueModel } from '../../../src/catalogue/index.ts'
import { ChillError } from '../../../src/errors/index.ts'
import {
  mountOperations,
  type BackendStatus,
  type FleetView,
  type OperationsOptions,
  type RequestsAnswer,
} from '../../../src/operations/index.ts'

export function backendStatus(changed: Partial<BackendStatus> = {}): BackendStatus {
  return {
    name: 'gpu0',
    state: 'cold',
    generation: 0,
    held: false,
    since: '2026-11-24T06:00:00.000Z',
    endpoints: [],
    leases: 0,
    waiting: [],
    blocking: [],
    failures: [],
    ...changed,
  }
}

/** Remembers its commands; tests set `backends` to what comes of them. */
export class FakeFleet implements FleetView {
  backends: BackendStatus[] = [backendStatus()]
  commands: unknown[] = []
  /** Called after each command, to move the backends on. */
  onCommand: (() => void) | undefined
  /** Called before each status. */
  onStatus: (() => void) | undefined
  shuttingDown = false
  readonly startedAt = '2026-11-24T05:00:00.000Z'

  status() {
    this.onStatus?.()
    return this.backends
  }

  start(command: { backend?: string; model?: string }) {
    this.#take('start', command)
  }

  stop(command: { backend?: string; model?: string; hold?: boolean }) {
    this.#take('stop', command)
  }

  switchTo(model: string) {
    this.#take('switch', { model })
  }

  pins: string[] = []

  pin(command: { model: string; pinned: boolean }) {
    this.pins = this.pins.filter((name) => name !== command.model)
    if (command.pinned) this.pins.push(command.model)
    this.#take('pin', command)
  }

  pinned() {
    return this.pins
  }

  running: RequestsAnswer = { inFlight: [], waiting: [], counts: { inFlight: 0, waiting: 0 } }

  requests(atMost: number) {
    const { inFlight, waiting, counts } = this.running
    return { inFlight: inFlight.slice(0, atMost), waiting: waiting.slice(0, atMost), counts }
  }

  lines: string[] = []

  async *log(backend: string, { lines }: { lines: number }) {
    if (!this.backends.some(({ name }) => name === backend)) {
      throw new ChillError('bad_request', `no backend "${backend}"`, { param: 'backend' })
    }
    yield* this.lines.slice(-lines)
  }

  cancel(id: string) {
    const { inFlight, waiting } = this.running
    const found = [...inFlight, ...waiting].filter((request) => request.id === id)
    if (found.length === 0) throw new ChillError('not_found', `no request "${id}"`)
    this.commands.push({ cancel: id })
    return found.length
  }

  #take(word: string, command: { backend?: string; model?: string }) {
    if (command.backend !== undefined && !this.backends.some((b) => b.name === command.backend)) {
      throw new ChillError('bad_request', `no backend "${command.backend}"`, { param: 'backend' })
    }
    this.commands.push({ [word]: command })
    this.onCommand?.()
  }
}

function catalogueModel(name: string, aliases: string[] = []): CatalogueModel {
  return {
    name,
    aliases,
    maxInFlight: 32,
    facts: { name, revision: 'r1', idleTimeoutMs: 300_000, startTimeoutMs: 600_000, priority: 0 },
    manifest: {
      metadata: { name: `${name}-manifest` },
      spec: { modelName: `org/${name}`, servedModelName: name, maxModelLen: 32_768 },
    },
    source: `models/${name}.yaml`,
    createdAt: 1_764_000_000,
  } as unknown as CatalogueModel
}

export function fakeCatalogue(): Catalogue {
  const models = new Map(
    [catalogueModel('qwen3', ['coder']), catalogueModel('deepseek')].map((m) => [m.name, m]),
  )
  return {
    models,
    find: (name) => [...models.values()].find((m) => m.name === name || m.aliases.includes(name)),
    problems: [{ source: 'models/broken.yaml', message: 'modelName is missing' }],
    subscribe: () => () => {},
    close: async () => {},
  }
}

function mountedOnAnother(options: OperationsOptions): H3 {
  const app = new H3({ silent: true })
  mountOperations(app, options)
  return app
}

/** The operators' API on a real socket of loopback, until the test is over. */
export async function serveOperations(
  options: Partial<OperationsOptions> = {},
  appOf: (options: OperationsOptions) => H3 = mountedOnAnother,
) {
  const fleet = (options.fleet ?? new FakeFleet()) as FakeFleet
  const log = { info() {}, error() {} }
  const app = appOf({
    fleet,
    catalogue: fakeCatalogue(),
    version: '1.2.3',
    log,
    metrics: {
      scrape: async () => ({ contentType: 'text/plain', text: 'own 1\n' }),
      gpuSeconds: () => [],
    },
    enableMetrics: true,
    events: { open: () => new ReadableStream() },
    history: { read: () => ({ since: '', until: '', backends: [], waits: [] }) },
    ...options,
  })
  const server = createServer(toNodeHandler(app))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  return {
    fleet,
    url,
    get: (path: string, headers: Record<string, string> = {}) => send(url + path, 'GET', headers),
    post: (path: string, body?: unknown, headers: Record<string, string> = {}) =>
      send(url + path, 'POST', headers, body),
    send: (method: string, path: string) => send(url + path, method, {}),
  }
}

interface Reply {
  status: number
  headers: IncomingHttpHeaders
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into it freely
  body: any
}

/** `fetch` would not let a test choose `Host` and `Origin`. */
function send(
  url: string,
  method: string,
  headers: Record<string, string>,
  body?: unknown,
): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>()
  const sent = request(url, { method, headers, agent: false }, (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (part: string) => (text += part))
    response.on('end', () =>
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: text === '' ? undefined : JSON.parse(text),
      }),
    )
  })
  sent.on('error', reject)
  sent.end(body === undefined || typeof body === 'string' ? body : JSON.stringify(body))
  return promise
}
