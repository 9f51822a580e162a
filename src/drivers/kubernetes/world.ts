import type { V1ConfigMap, V1Deployment, V1Pod, V1Service } from '@kubernetes/client-node'
import type { Api, Follower } from './api/index.ts'
import { podSelector, type BackendPlace } from './resources/index.ts'

/** Everything of one backend that is in the cluster, as it was last heard of. */
export interface World {
  readonly deployment: V1Deployment | undefined
  readonly configMap: V1ConfigMap | undefined
  readonly service: V1Service | undefined
  readonly pods: readonly V1Pod[]
  /** Resolves when all of it has been heard of once. */
  readonly synced: Promise<void>
  /** Why it cannot be heard of at present, in words. */
  readonly trouble: string | undefined
  subscribe(listener: () => void): () => void
  /** Resolves at the next change, or after this time; rejects when the signal aborts. */
  change(signal: AbortSignal, atMostMs: number): Promise<void>
  /** Asks for all of it now. */
  refresh(): Promise<void>
  close(): void
}

/** Watches miss what happens while they are broken, and some proxies break them silently. */
const relistMs = 120_000

export function followWorld(api: Api, place: BackendPlace): World {
  const listeners = new Set<() => void>()
  const tell = () => {
    for (const listener of listeners) listener()
  }
  const named = (name: string) => ({ fieldSelector: `metadata.name=${name}`, relistMs })
  let selector = selectorText(podSelector(place))
  let pods = followPods()
  const deployments = api.follow('Deployment', named(place.deployment), () => {
    chooseSelector()
    tell()
  })
  const configMaps = api.follow('ConfigMap', named(place.configMap), tell)
  const services = api.follow('Service', named(place.service), tell)

  function followPods(): Follower<V1Pod> {
    return api.follow('Pod', { labelSelector: selector, relistMs }, tell)
  }

  /** A Deployment that we did not make chooses its pods in its own way. */
  function chooseSelector(): void {
    const labels = deployments.objects.get(place.deployment)?.spec?.selector.matchLabels
    if (labels === undefined || Object.keys(labels).length === 0) return
    const wanted = selectorText(labels)
    if (wanted === selector) return
    selector = wanted
    pods.close()
    pods = followPods()
  }

  async function synced(): Promise<void> {
    await Promise.all([deployments.synced, configMaps.synced, services.synced])
    // The pods' selector is only known for sure once the Deployment is.
    for (let current; current !== pods;) {
      current = pods
      await current.synced.catch(() => undefined)
    }
  }
  const isSynced = synced()
  isSynced.catch(() => undefined)

  return {
    get deployment() {
      return deployments.objects.get(place.deployment)
    },
    get configMap() {
      return configMaps.objects.get(place.configMap)
    },
    get service() {
      return services.objects.get(place.service)
    },
    get pods() {
      return [...pods.objects.values()]
    },
    synced: isSynced,
    get trouble() {
      return deployments.trouble ?? pods.trouble ?? configMaps.trouble ?? services.trouble
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    change: (signal, atMostMs) =>
      new Promise((resolve, reject) => {
        const end = () => {
          listeners.delete(end)
          clearTimeout(timer)
          signal.removeEventListener('abort', end)
          if (signal.aborted) reject(signal.reason as Error)
          else resolve()
        }
        const timer = setTimeout(end, atMostMs)
        listeners.add(end)
        signal.addEventListener('abort', end)
        if (signal.aborted) end()
      }),
    async refresh() {
      await deployments.refresh()
      await Promise.all([pods.refresh(), configMaps.refresh()])
    },
    close() {
      listeners.clear()
      for (const follower of [deployments, configMaps, services, pods]) follower.close()
    },
  }
}

function selectorText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')
}
