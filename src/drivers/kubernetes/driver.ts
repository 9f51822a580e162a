import type { Driver } from '../../../machines/index.ts'
import { probeAgent } from '../engine/index.ts'
import { Backend } from './backend.ts'
import { startLeadership } from './leadership/index.ts'
import type { KubernetesDriverOptions } from './options.ts'
import { createReach } from './reach.ts'

export interface KubernetesDriver extends Driver {
  readonly name: 'kubernetes'
  /** True while this program may change what is in the cluster. */
  readonly leads: boolean
}

/**
 * Backends as Deployments of a cluster. Several programs may run: only the one that holds the Lease
 * changes anything, the others serve what is warm.
 */
export function createKubernetesDriver(options: KubernetesDriverOptions): KubernetesDriver {
  const { api, places, lease, log } = options
  const leadership = startLeadership({ api, log, ...lease })
  const reach = createReach({ api, mode: options.endpointMode, inCluster: options.inCluster, log })
  const agent = probeAgent()
  const leaves = (except: string): boolean =>
    [...backends].some(([name, backend]) => name !== except && backend.leaves)
  const hold = (except: string): boolean =>
    [...backends].some(([name, backend]) => name !== except && backend.holds)
  const backends: ReadonlyMap<string, Backend> = new Map(
    Object.entries(places).map(([name, place]) => [
      name,
      new Backend({
        options,
        place,
        leadership,
        reach,
        agent,
        othersLeave: () => leaves(name),
        othersHold: () => hold(name),
      }),
    ]),
  )
  const takeOver = () => {
    if (!leadership.leads) return
    for (const backend of backends.values()) void backend.takeOver()
  }
  leadership.subscribe(takeOver)
  const stopListening = options.catalogue.subscribe(takeOver)
  let closed: Promise<void> | undefined

  function backendOf(name: string): Backend {
    const backend = backends.get(name)
    if (!backend) throw new Error(`no backend is called "${name}"`)
    return backend
  }

  async function close(): Promise<void> {
    stopListening()
    await Promise.all([...backends.values()].map((backend) => backend.close()))
    await leadership.close()
    await reach.close()
    await agent.destroy()
  }

  return {
    name: 'kubernetes',
    stopsWithProgram: false,
    get leads() {
      return leadership.leads
    },
    leader: () => leadership.leader,
    observe: (backend) => backendOf(backend).observe(),
    follow: (backend, onSight) => backendOf(backend).follow(onSight),
    ensureResources: (order, signal) => backendOf(order.backend).ensureResources(order, signal),
    start: (order, signal, onPhase) => backendOf(order.backend).start(order, signal, onPhase),
    watch: (backend, onLost) => backendOf(backend).watch(onLost),
    engineLoad: (backend, signal) => backendOf(backend).engineLoad(signal),
    readLog: (backend, reading, signal) => backendOf(backend).readLog(reading, signal),
    async stop(backend, signal) {
      try {
        await backendOf(backend).stop(signal)
      } catch (error) {
        if (!signal.aborted) {
          const why = error instanceof Error ? error.message : String(error)
          log.warn({ backend, err: error }, `${backend} cannot be brought down: ${why}`)
        }
        throw error
      }
    },
    close: () => (closed ??= close()),
  }
}
