import { delimiter, join } from 'node:path'
import type { V1Container, V1Pod } from '@kubernetes/client-node'
import type { ProcessOrder } from '../processes/index.ts'
import type { ContainerSetting } from './container.ts'
import { ContainerConfigError, containerEnvironment } from './environment.ts'
import { expand } from './expand.ts'
import { simulatorEnvironment } from './misbehaviour.ts'
import { pause } from './probes.ts'
import { entrypoint, podAddressVariable } from './programs.ts'
import { mountVolumes } from './volumes.ts'
import { nameOf } from './world.ts'

/**
 * What to start for a container, once everything that its environment refers to is there.
 *
 * @returns undefined when the signal came first
 */
export async function prepareLaunch(
  pod: V1Pod,
  container: V1Container,
  setting: ContainerSetting,
  wait: (reason: string, message: string) => void,
  signal: AbortSignal,
): Promise<Omit<ProcessOrder, 'logFile'> | undefined> {
  const { world, podIP } = setting
  while (!signal.aborted) {
    try {
      const source = { core: world.core, pod, podIP }
      const folder = join(world.folder, 'pods', nameOf(pod).uid, container.name, 'volumes')
      const mounted = await mountVolumes(container, source, folder)
      const variables = Object.entries(await containerEnvironment(container, source))
      const own = Object.fromEntries(variables.map(([name, value]) => [name, mounted(value)]))
      const words = [...(container.command ?? entrypoint), ...(container.args ?? [])]
      const [command = '', ...args] = words.map((word) => mounted(expand(word, own)))
      return { command, args, cwd: world.folder, env: { ...own, ...simulated(pod, setting, own) } }
    } catch (error) {
      if (error instanceof ContainerConfigError) {
        wait('CreateContainerConfigError', error.message)
        world.report(pod, 'Failed', `Error: ${error.message}`)
      }
      // Anything else is the API server being away, and passes.
      await pause(5000 / world.haste, signal)
    }
  }
  return undefined
}

/** What the machine adds: nothing of this process's own environment gets into a container. */
function simulated(
  pod: V1Pod,
  { world, podIP, gpus }: ContainerSetting,
  own: Readonly<Record<string, string>>,
): Record<string, string> {
  const account = world.accountOf(pod)
  return {
    PATH: [world.programs, own['PATH'] ?? process.env['PATH'] ?? ''].join(delimiter),
    HOME: own['HOME'] ?? world.folder,
    HOSTNAME: nameOf(pod).name,
    [podAddressVariable]: podIP,
    // In place of the files that a kubelet puts into each container.
    ...(account !== undefined && { KUBECONFIG: account }),
    // Without GPUs a simulator has nothing to fight for; it would take the first device.
    ...(gpus.length > 0 && {
      CUDA_VISIBLE_DEVICES: gpus.join(','),
      VLLM_CHILL_GPU_LOCK: world.devices.lock,
    }),
    ...simulatorEnvironment(world.misbehavioursOf(pod)),
  }
}
