import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { ControlPlane } from '../control-plane/index.ts'
import { type HttpFaults, startHttpFaults } from './http-faults.ts'
import { startTcpFaults, type TcpFaults } from './tcp-faults.ts'

export type { Answer } from './http-faults.ts'
export type { ApiRequest, RequestMatch } from './requests.ts'

/** Everything that can go wrong between a client and the API server. */
export interface ApiFaults extends Omit<TcpFaults, 'port'>, Omit<HttpFaults, 'port'> {
  /** File for a client whose requests come through here. */
  readonly kubeconfig: string
  /** Away for so long; resolves when it is back. */
  beAway(ms: number): Promise<void>
}

/**
 * Two layers, one behind the other: client → TCP faults → HTTP faults → API server. The second ends
 * TLS with the API server's own certificate, so that clients need to trust nothing else.
 *
 * @param like kubeconfig file of the cluster that says who the client is
 */
export async function startApiFaults(
  plane: ControlPlane,
  like: string = plane.serviceAccount(),
): Promise<ApiFaults> {
  const { hostname: host, port } = new URL(plane.url)
  const tls = {
    cert: await readFile(plane.certificate.cert),
    key: await readFile(plane.certificate.key),
  }
  const http = await startHttpFaults(host, { host, port: Number(port) }, tls)
  const tcp = await startTcpFaults(host, { host, port: http.port })
  return {
    ...http,
    ...tcp,
    kubeconfig: await plane.kubeconfigFor(`https://${host}:${tcp.port}`, like),
    async beAway(ms) {
      const comeBack = await tcp.goAway()
      await delay(ms)
      await comeBack()
    },
    async close() {
      await tcp.close()
      await http.close()
    },
  }
}
