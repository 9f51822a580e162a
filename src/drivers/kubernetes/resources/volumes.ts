import type { V1Volume, V1VolumeMount } from '@kubernetes/client-node'
import type { VolumeSettings } from '../../../config/index.ts'
import type { BackendPlace } from './types.ts'

/** NCCL's workers talk through it; the runtime's own 64 MiB are too little. */
export const usualShmSize = '2Gi'

export interface MountedVolume {
  readonly volume: V1Volume
  readonly mount: V1VolumeMount
  /** Variable that tells the engine where it is mounted. */
  readonly variable?: string
}

/** Shared memory, and the caches that are configured. */
export function volumesOf({ pod }: BackendPlace): MountedVolume[] {
  return [
    {
      volume: {
        name: 'shm',
        emptyDir: { medium: 'Memory', sizeLimit: String(pod.shmSize ?? usualShmSize) },
      },
      mount: { name: 'shm', mountPath: '/dev/shm' },
    },
    ...cache('model-cache', pod.modelCache, '/root/.cache/huggingface', 'HF_HOME'),
    ...cache('compile-cache', pod.compileCache, '/root/.cache/vllm', 'VLLM_CACHE_ROOT'),
  ]
}

function cache(
  name: string,
  settings: VolumeSettings | undefined,
  usualPath: string,
  variable: string,
): MountedVolume[] {
  if (!settings) return []
  const { mountPath = usualPath, subPath } = settings
  return [
    {
      volume: { name, ...sourceOf(settings) },
      mount: { name, mountPath, ...(subPath !== undefined && { subPath }) },
      variable,
    },
  ]
}

function sourceOf({ pvc, hostPath, emptyDir }: VolumeSettings): Partial<V1Volume> {
  if (pvc !== undefined) return { persistentVolumeClaim: { claimName: pvc } }
  if (hostPath !== undefined) return { hostPath: { path: hostPath, type: 'DirectoryOrCreate' } }
  return { emptyDir: { sizeLimit: String(emptyDir) } }
}
