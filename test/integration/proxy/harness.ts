import { EventEmitter, once } from 'node:events'
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { toNodeHandler } from 'h3'
import type {
  Admission,
  AdmissionRequest,
  Lease,
  WaitProgress,
} from '../../../src/admission/index.ts'
import type { Catalogue, CatalogueModel } from '../../../src/catalogue/index.ts'
import type { ChillError } from '../../../src/errors/index.ts'
import {
  createProxy,
  type Forwarder,
  type ProxySettings,
  type RequestRecord,
  type Tracer,
} from '../../../src/proxy/index.ts'

export const settings: ProxySettings = {
  bodyLimit: 32 * 1024 * 1024,
  progressComments: true,
  progressAfterMs: 60_000,
  progressEveryMs: 60_000,
  backendTimeoutMs: 0,
  stalledClientTimeoutMs: 0,
  websocketIdleTimeoutMs: 0,
  apiKeys: [],
  backendApiKey: undefined,
  corsOrigins: [],
  priorityHeader: false,
  defaultModel: undefined,
}

interface Waiter {
  request: AdmissionRequest
  signal: AbortSignal
  resolve: (lease: Lease) => void
  reject: (error: unknown) => void
}

/** A gate with one backend, moved by the test. Emits `waiting`, `left`, `lease` and `released`. */
export class FakeAdmission extends EventEmitter implements Admission {
  url = ''
  incarnation = 'one'
  /** Whether requests are admitted at once. */
  warm = true
  refusal: ChillError | undefined
  /** Decides as if it had not yet heard that a client has left. */
  deaf = false
  state = 'scalingUp'
  waitedMs = 0
  readonly leases = new Set<Lease>()
  readonly waiting = new Set<Waiter>()
  readonly seen: AdmissionRequest[] = []
  released = 0
  acquired = 0
  suspected = 0
  #clock = 0

  now(): number {
    return this.#clock++
  }

  tryAcquire(request: AdmissionRequest): Lease | undefined {
    this.seen.push(request)
    if (this.refusal) throw this.refusal
    return this.warm ? this.#lease(request) : undefined
  }

  acquire(request: AdmissionRequest, signal: AbortSignal): Promise<Lease> {
    this.acquired++
    this.seen.push(request)
    if (this.refusal) return Promise.reject(this.refusal)
    if (this.warm) return Promise.resolve(this.#lease(request))
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { request, signal, resolve, reject }
      this.waiting.add(waiter)
      signal.addEventListener('abort', () => {
        this.emit('left')
        if (this.deaf) return
        this.waiting.delete(waiter)
        reject(signal.reason as Error)
      })
      this.emit('waiting', waiter)
    })
  }

  /** Lets everybody in who waits. */
  admit(): void {
    this.warm = true
    this.state = 'ready.serving'
    for (const { request, resolve } of this.waiting) resolve(this.#lease(request))
    this.waiting.clear()
  }

  refuse(error: ChillError): void {
    for (const { reject } of this.waiting) reject(error)
    this.waiting.clear()
  }

  progress(): WaitProgress {
    return { state: this.state, elapsedMs: 34_000, usualMs: 48_000, ahead: 0 }
  }

  isLoaded(): boolean {
    return this.state.startsWith('ready')
  }

  counts() {
    return { leases: this.leases.size, waiting: this.waiting.size, waitingBytes: 0 }
  }

  #lease(request: AdmissionRequest): Lease {
    const lease: Lease = {
      request,
      backend: 'gpu0',
      endpoint: { url: this.url, incarnation: this.incarnation, maxInFlight: 100 },
      waitedMs: this.waitedMs,
      onCut: undefined,
      suspect: () => {
        this.suspected++
      },
      release: () => {
        if (!this.leases.delete(lease)) throw new Error('released twice')
        this.released++
        this.emit('released')
      },
    }
    this.leases.add(lease)
    this.emit('lease', lease)
    return lease
  }
}

export function catalogueOf(...models: { name: string; aliases?: string[] }[]): Catalogue {
  const known = new Map(
    models.map(({ name, aliases = [] }) => [
      name,
      {
        name,
        aliases,
        createdAt: 1_700_000_000,
        manifest: { spec: { maxModelLen: 4096 } },
      } as unknown as CatalogueModel,
    ]),
  )
  return {
    models: known,
    problems: [],
    find: (name) =>
      known.get(name) ?? Array.from(known.values()).find((model) => model.aliases.includes(name)),
    subscribe: () => () => {},
    close: () => Promise.resolve(),
  }
}

/** A request as the backend got it. */
export interface Got {
  req: IncomingMessage
  res: ServerResponse
  body: Buffer
}

export class World extends EventEmitter {
  readonly admission = new FakeAdmission()
  readonly records: RequestRecord[] = []
  readonly logged: unknown[] = []
  ready = true
  url = ''
  port = 0
  backend!: Server
  proxy!: Server
  close!: () => Promise<void>

  /** The record of the next request that ends. */
  async record(): Promise<RequestRecord> {
    if (this.records.length === 0) await once(this, 'record')
    return this.records.shift() as RequestRecord
  }
}

interface WorldOptions {
  settings?: Partial<ProxySettings>
  catalogue?: Catalogue
  forwarder?: Forwarder
  tracer?: Tracer
}

/** A proxy and a backend over real sockets; `listener` is the backend. */
export async function world(listener: RequestListener, options: WorldOptions = {}): Promise<World> {
  const made = new World()
  made.backend = createServer(listener)
  await listening(made.backend)
  made.admission.url = `http://127.0.0.1:${portOf(made.backend)}`
  const log = (fields: object): void => void made.logged.push(fields)
  const proxy = createProxy({
    admission: made.admission,
    catalogue:
      options.catalogue ??
      catalogueOf({ name: 'org/model', aliases: ['alias'] }, { name: 'other' }),
    settings: { ...settings, ...options.settings },
    log: { error: log },
    ready: () => made.ready,
    onRequest: (record) => {
      made.records.push(record)
      made.emit('record')
    },
    tracer: options.tracer,
    ...(options.forwarder && { forwarder: options.forwarder }),
  })
  made.proxy = createServer(toNodeHandler(proxy.app) as RequestListener)
  Object.assign(made.proxy, { shouldUpgradeCallback: proxy.shouldUpgrade })
  made.proxy.on('upgrade', (req, socket, head) => proxy.handleUpgrade(req, socket, head))
  await listening(made.proxy)
  made.port = portOf(made.proxy)
  made.url = `http://127.0.0.1:${made.port}`
  made.close = async () => {
    made.proxy.closeAllConnections()
    made.backend.closeAllConnections()
    made.proxy.close()
    made.backend.close()
    await proxy.close()
  }
  return made
}

async function listening(server: Server): Promise<void> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

/** Reads a message to its end. */
export async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** Answers every request once its body is here. */
export function answering(answer: (got: Got) => void): RequestListener {
  return (req, res) =>
    void bodyOf(req).then(
      (body) => answer({ req, res, body }),
      () => {},
    )
}

export const chat = '/v1/chat/completions'
export const hello = { model: 'org/model', messages: [{ role: 'user', content: 'hi' }] }

export function post(
  url: string,
  body: unknown,
  headers: Record<string, string | undefined> = {},
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers } as Record<string, string>,
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(signal && { signal }),
  })
}

export async function errorOf(
  response: Response,
): Promise<{ message: string; code: string; type: string }> {
  return ((await response.json()) as { error: { message: string; code: string; type: string } })
    .error
}

/** A bare connection to the proxy, for what no client library would send or survive. */
export function rawConnection(port: number): Socket & { text: () => string } {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.setEncoding('latin1')
  socket.on('data', (part) => {
    text += String(part)
  })
  return Object.assign(socket, { text: () => text })
}

export { httpRequest, once }
