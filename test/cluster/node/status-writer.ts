import {
  type CoreV1Api,
  PatchStrategy,
  setHeaderOptions,
  type V1Pod,
  type V1PodStatus,
} from '@kubernetes/client-node'
import { pause } from './probes.ts'
import { isCode, nameOf, type Plain } from './world.ts'

/** Tells the API server a pod's status: always the latest, one write at a time, until it arrives. */
export interface StatusWriter {
  write(status: V1PodStatus): void
  /** What was last written has arrived, or the pod is gone, or the signal has come. */
  settled(): Promise<void>
}

export function createStatusWriter(core: CoreV1Api, pod: V1Pod, signal: AbortSignal): StatusWriter {
  const { name, namespace, uid } = nameOf(pod)
  let next: V1PodStatus | undefined
  let writing: Promise<void> | undefined
  const writeAll = async () => {
    while (next !== undefined && !signal.aborted) {
      const status = next
      next = undefined
      try {
        await core.patchNamespacedPodStatus(
          // The uid keeps it from a namesake that came after.
          { name, namespace, body: { metadata: { uid }, status: asPatch(status) } },
          setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
        )
      } catch (error) {
        if (isCode(error, 404, 409)) return
        // Refused for what it says: a defect of ours, which must not pass unseen.
        if (isCode(error, 400, 422)) throw error
        next ??= status
        await pause(200, signal)
      }
    }
  }
  return {
    write(status) {
      next = status
      writing ??= writeAll().finally(() => {
        writing = undefined
      })
    },
    // Only the end of a pod waits for it, after its last write.
    async settled() {
      await writing
    },
  }
}

/** Addresses are merged by a strategic merge, and a pod with an old and a new one is refused. */
function asPatch({ podIPs, ...status }: Plain<V1PodStatus>): object {
  return podIPs === undefined ? status : { ...status, podIPs: [{ $patch: 'replace' }, ...podIPs] }
}
