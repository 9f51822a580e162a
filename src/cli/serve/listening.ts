import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { listen } from 'listhen'
import { ConfigError } from '../../config/index.ts'

/** Header of a request must be here after a minute; nobody types one by hand. */
const headersTimeoutMs = 60_000
/** Time for a whole request to arrive: 64 MiB over a slow uplink take minutes, Node's 5 are too few. */
const requestTimeoutMs = 1_800_000
/** Longer than the 60 s after which common load balancers drop idle connections, so they close first. */
const keepAliveTimeoutMs = 75_000
/** At the end, for the last bytes of answers that are already over. */
const lingerMs = 5_000

export interface Listening {
  /** `http://host:port`, as a client on this machine calls it. */
  readonly url: string
  readonly server: Server
  /** Takes no more connections; resolves when the last answer is out. */
  close(): Promise<void>
}

export interface Place {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Which setting gave the port, for what is said when it cannot be had. */
  readonly setting: keyof typeof flags
}

const flags = { port: '--port', operationsPort: '--operations-port' } as const

/** Serves a handler. Rejects with ConfigError for a port that cannot be had; it never becomes another one. */
export async function listenOn(handler: RequestListener, place: Place): Promise<Listening> {
  const { host, port } = place
  const server = await listenerOf(handler, place)
  server.headersTimeout = headersTimeoutMs
  server.requestTimeout = requestTimeoutMs
  server.keepAliveTimeout = keepAliveTimeoutMs
  const sockets = openSockets(server)
  const address = server.address()
  const boundPort = typeof address === 'object' && address ? address.port : port
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return {
    url: `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${boundPort}`,
    server,
    close: () => closeServer(server, sockets),
  }
}

async function listenerOf(handler: RequestListener, place: Place): Promise<Server> {
  const { host, port, setting } = place
  const listener = await listen(handler, {
    hostname: host,
    // A plain 0 would become 3000, which is taken as soon as two do so.
    port: port === 0 ? { random: true } : port,
    // Its default ends the process on SIGTERM, with everything that is in flight.
    autoClose: false,
    // Otherwise a port that is taken silently becomes another one.
    isProd: true,
    // Otherwise what it tries is written into our log.
    isTest: true,
    showURL: false,
  }).catch(async (error: unknown) => {
    throw whyNotListening(await systemsReason(error, place), place)
  })
  const server = listener.server as Server
  if (port === 0 || listener.address?.port === port) return server
  // It passes over the ports that browsers refuse, and takes 3000 without a word.
  server.close()
  throw new ConfigError([
    `${setting}: browsers open no connection to ${port}; choose another with \`${flags[setting]}\``,
  ])
}

/** The port is looked for by somebody who keeps to himself why it cannot be had: so it is tried again. */
async function systemsReason(told: unknown, { host, port }: Place): Promise<unknown> {
  const server = createServer().listen(port, host)
  try {
    await once(server, 'listening')
    return told
  } catch (error) {
    return error
  } finally {
    server.close()
  }
}

function whyNotListening(error: unknown, { host, port, setting }: Place): unknown {
  const { code } = error as NodeJS.ErrnoException
  const flag = flags[setting]
  if (code === 'EADDRINUSE') {
    return new ConfigError([
      `${setting}: ${host}:${port} is taken by another program; choose another with \`${flag}\``,
    ])
  }
  if (code === 'EACCES') {
    return new ConfigError([
      `${setting}: this user may not listen on ${host}:${port}; choose one from 1024 on with \`${flag}\``,
    ])
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new ConfigError([
      `host: ${host} is no address of this machine; choose another with \`--host\``,
    ])
  }
  return error
}

function openSockets(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return sockets
}

function closeServer(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    const closeUnused = () => {
      server.closeIdleConnections()
      // To Node a connection is not idle before its first request; clients open some ahead.
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
    }
    const sweep = setInterval(closeUnused, 100)
    // Not `closeAllConnections`, which knows nothing of what has become a WebSocket.
    const end = setTimeout(() => {
      for (const socket of sockets) socket.destroy()
    }, lingerMs)
    server.close(() => {
      clearInterval(sweep)
      clearTimeout(end)
      resolve()
    })
    closeUnused()
  })
}
