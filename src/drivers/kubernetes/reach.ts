import { connect as connectTo } from 'node:net'
import type { Api } from './api/index.ts'
import type { DriverLog, EndpointMode } from './options.ts'
import type { ReadyPod } from './pods/index.ts'
import type { BackendPlace } from './resources/index.ts'

/** A pod address that cannot be reached is dropped by the network, not refused. */
const connectTimeoutMs = 1_000

export interface ReachOptions {
  readonly api: Api
  readonly mode: EndpointMode
  readonly inCluster: boolean
  readonly log: DriverLog
}

interface Way {
  readonly url: string
  close(): Promise<void>
}

/** How requests get to one pod: at its address, through the Service, or through the API server. */
export function createReach({ api, mode, inCluster, log }: ReachOptions) {
  const ways = new Map<string, Promise<Way>>()

  async function find(place: BackendPlace, { pod, address, port }: ReadyPod): Promise<Way> {
    const direct = { url: `http://${host(address)}:${port}`, close: () => Promise.resolve() }
    if (mode === 'pod') return direct
    const name = pod.metadata?.name ?? ''
    const service = {
      url: `http://${place.service}.${api.namespace}.svc:${place.servicePort}`,
      close: () => Promise.resolve(),
    }
    if (mode === 'service') return inCluster ? service : await api.portForward(name, port)
    if (await accepts(address, port)) return direct
    if (inCluster) {
      log.warn({ pod: name, address }, `the pod's address cannot be reached; using the Service`)
      return service
    }
    log.info({ pod: name }, 'outside the cluster: the pod is reached through the API server')
    return await api.portForward(name, port)
  }

  return {
    /** The URL for this incarnation of a pod; found once. */
    async urlOf(place: BackendPlace, ready: ReadyPod): Promise<string> {
      const key = `${place.backend} ${ready.incarnation}`
      let way = ways.get(key)
      if (way === undefined) {
        way = find(place, ready)
        ways.set(key, way)
        way.catch(() => ways.delete(key))
      }
      return (await way).url
    },
    /**
     * Gives up the ways to pods of a backend that are not among these (by UID) any more, and to containers
     * that another has followed in its pod.
     */
    keepOnly(backend: string, uids: ReadonlySet<string>): void {
      const seen = new Set<string>()
      for (const [key, way] of [...ways].toReversed()) {
        const [owner, incarnation = ''] = key.split(' ')
        if (owner !== backend) continue
        const uid = incarnation.split('/')[0]!
        const isLatest = !seen.has(uid)
        seen.add(uid)
        if (uids.has(uid) && isLatest) continue
        ways.delete(key)
        void way.then((each) => each.close()).catch(() => undefined)
      }
    },
    async close(): Promise<void> {
      const open = [...ways.values()]
      ways.clear()
      await Promise.allSettled(open.map(async (way) => (await way).close()))
    },
  }
}

export type Reach = ReturnType<typeof createReach>

function host(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

function accepts(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTo({ host: address, port, timeout: connectTimeoutMs })
    const end = (is: boolean) => {
      socket.destroy()
      resolve(is)
    }
    socket.once('connect', () => end(true))
    socket.once('timeout', () => end(false))
    // Refused is an answer of that host: it can be reached.
    socket.once('error', ({ code }: NodeJS.ErrnoException) => end(code === 'ECONNREFUSED'))
  })
}
