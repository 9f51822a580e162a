import type { V1Container, V1ResourceRequirements } from '@kubernetes/client-node'
import { commandOf, vllmArguments, type VllmModel } from '../../../catalogue/index.ts'
import { literally, referringArguments } from './config-map.ts'
import { environmentOf } from './environment.ts'
import { probesOf } from './probes.ts'
import type { BackendPlace } from './types.ts'
import type { MountedVolume } from './volumes.ts'

/** What the container is called; patches name it. */
export const containerName = 'vllm'
/** Name of the port that it serves on, which probes and the Service refer to. */
export const portName = 'http'
const port = 8000
/** Share of the pod's grace that the engine may spend on what is in flight; the rest is for its end. */
const shutdownShare = 0.8

/** GPUs that a pod of this model asks for. */
export function gpuCount({ pod }: BackendPlace, { spec }: VllmModel): number {
  return spec.gpuCount ?? pod.gpuCount ?? spec.tensorParallelSize
}

/** The container of one model: reads the ConfigMap's keys and runs vLLM with them. */
export function containerOf(
  place: BackendPlace,
  model: VllmModel,
  volumes: readonly MountedVolume[],
): V1Container {
  const { pod } = place
  const command = commandOf(model) ?? place.command
  const image = model.spec.image ?? place.image
  const words = vllmArguments(model)
  return {
    name: containerName,
    image,
    ...(pod.imagePullPolicy && { imagePullPolicy: pod.imagePullPolicy }),
    command: command.map(literally),
    args: [
      ...referringArguments(words, model),
      '--host',
      '0.0.0.0',
      '--port',
      String(port),
      ...(canFinish(image, command, words) ? shutdownArguments(place) : []),
    ],
    env: environmentOf(place, model),
    ports: [{ name: portName, containerPort: port }],
    volumeMounts: volumes.map(({ mount }) => mount),
    resources: resourcesOf(place, model),
    ...probesOf(pod),
    terminationMessagePolicy: 'FallbackToLogsOnError',
    securityContext: pod.securityContext ?? {
      allowPrivilegeEscalation: false,
      // The image runs as root, and without these its root cannot write to a cache of somebody else's.
      capabilities: { drop: ['ALL'], add: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER'] },
    },
  }
}

/** vLLM knows `--shutdown-timeout` from 0.18 on, and ends at once at an argument that it does not know. */
function canFinish(image: string, [program]: readonly string[], words: readonly string[]): boolean {
  if (program !== 'vllm' || words.some((word) => word.startsWith('--shutdown-timeout')))
    return false
  const [, major, minor] = /(?:^|\/)[^/:@]*vllm[^/:@]*:v?(\d+)\.(\d+)/.exec(image) ?? []
  return Number(major) > 0 || Number(minor) >= 18
}

/** vLLM cuts what is in flight at SIGTERM unless it is told how long to wait. */
function shutdownArguments({ terminationGraceMs }: BackendPlace): string[] {
  const seconds = Math.floor((terminationGraceMs / 1_000) * shutdownShare)
  return seconds > 0 ? ['--shutdown-timeout', String(seconds)] : []
}

function resourcesOf(place: BackendPlace, model: VllmModel): V1ResourceRequirements {
  const { requests = {}, limits = {} } = place.pod.resources ?? {}
  const gpus = gpuCount(place, model)
  const strings = (amounts: Readonly<Record<string, string | number>>) =>
    Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, String(amount)]))
  return {
    requests: strings(requests),
    limits: { ...strings(limits), ...(gpus > 0 && { [place.gpuResource]: String(gpus) }) },
  }
}
