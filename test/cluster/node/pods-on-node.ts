import { type CoreV1Api, type KubeConfig, type V1Pod, Watch } from '@kubernetes/client-node'
import { pause } from './probes.ts'
import { nameOf } from './world.ts'

export interface PodsHandler {
  seen(pod: V1Pod): void
  gone(uid: string): void
}

/** Follows the pods that are bound to a node, list and watch in turn, through whatever happens. */
export async function followPods(
  { config, core, nodeName }: { config: KubeConfig; core: CoreV1Api; nodeName: string },
  handler: PodsHandler,
  signal: AbortSignal,
): Promise<void> {
  const fieldSelector = `spec.nodeName=${nodeName}`
  const known = new Set<string>()
  const seen = (pod: V1Pod) => {
    known.add(nameOf(pod).uid)
    handler.seen(pod)
  }
  const gone = (uid: string) => {
    if (known.delete(uid)) handler.gone(uid)
  }
  while (!signal.aborted) {
    try {
      const list = await core.listPodForAllNamespaces({ fieldSelector })
      const present = new Set(list.items.map((pod) => nameOf(pod).uid))
      for (const uid of known) if (!present.has(uid)) gone(uid)
      for (const pod of list.items) seen(pod)
      const query = { fieldSelector, resourceVersion: list.metadata?.resourceVersion }
      await watchOnce(
        config,
        query,
        (type, pod) => {
          if (type === 'ERROR') return
          if (type === 'DELETED') gone(nameOf(pod).uid)
          else seen(pod)
        },
        signal,
      )
    } catch {
      // The API server is away: as a kubelet does, go on asking.
    }
    await pause(100, signal)
  }
}

/** Resolves when the watch has ended, for whatever reason. */
async function watchOnce(
  config: KubeConfig,
  query: Record<string, string | undefined>,
  handle: (type: string, pod: V1Pod) => void,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const controller = await new Watch(config).watch(
    '/api/v1/pods',
    query,
    (type: string, pod: V1Pod) => handle(type, pod),
    () => resolve(),
  )
  const abort = () => controller.abort()
  signal.addEventListener('abort', abort)
  if (signal.aborted) abort()
  await promise
  signal.removeEventListener('abort', abort)
}
