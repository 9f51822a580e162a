import type { V1Container, V1Pod } from '@kubernetes/client-node'
import { pause } from './probes.ts'
import type { World } from './world.ts'

/**
 * Every image is there, but for those that a misbehaviour keeps away.
 *
 * @returns false when the signal came first
 */
export async function pullImage(
  pod: V1Pod,
  { image = '' }: V1Container,
  world: World,
  wait: (reason: string, message: string) => void,
  signal: AbortSignal,
): Promise<boolean> {
  let backOffSeconds = 10
  for (;;) {
    const missing = world.misbehavioursOf(pod).find((one) => one.kind === 'no image')
    if (missing === undefined) return !signal.aborted
    const reason =
      missing.message ?? `failed to pull and unpack image "${image}": ${image}: not found`
    const message = `rpc error: code = Unknown desc = ${reason}`
    wait('ErrImagePull', message)
    world.report(pod, 'Failed', `Failed to pull image "${image}": ${message}`)
    // About when a kubelet looks at the pod again.
    await pause(2000 / world.haste, signal)
    if (signal.aborted) return false
    wait('ImagePullBackOff', `Back-off pulling image "${image}"`)
    world.report(pod, 'BackOff', `Back-off pulling image "${image}"`)
    await pause((backOffSeconds * 1000) / world.haste, signal)
    if (signal.aborted) return false
    backOffSeconds = Math.min(300, backOffSeconds * 2)
  }
}
