import type { RequestListener, Server } from 'node:http'
import { listen } from 'listhen'

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

/** Serves a handler. A port that is taken rejects; it never becomes another one. */
export async function listenOn(
  handler: RequestListener,
  { host, port }: { host: string; port: number },
): Promise<Listening> {
  const listener = await listen(handler, {
    hostname: host,
    port,
    // Its default ends the process on SIGTERM, with everything that is in flight.
    autoClose: false,
    // Otherwise a port that is taken silently becomes another one.
    isProd: true,
    showURL: false,
  })
  const server = listener.server as Server
  server.headersTimeout = headersTimeoutMs
  server.requestTimeout = requestTimeoutMs
  server.keepAliveTimeout = keepAliveTimeoutMs
  const address = server.address()
  const boundPort = typeof address === 'object' && address ? address.port : port
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return {
    url: `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${boundPort}`,
    server,
    close: () => closeServer(server),
  }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const sweep = setInterval(() => server.closeIdleConnections(), 100)
    const end = setTimeout(() => server.closeAllConnections(), lingerMs)
    server.close(() => {
      clearInterval(sweep)
      clearTimeout(end)
      resolve()
    })
    server.closeIdleConnections()
  })
}
