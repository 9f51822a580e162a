import type { V1ContainerStatus } from '@kubernetes/client-node'
import { andThen, failed, type Finding } from './finding.ts'

/** The node tries again after these; registries have hiccups. */
const triedAgain = new Set(['ErrImagePull', 'RegistryUnavailable'])
/** The node has given up, or does no more than to wait longer and longer. */
const hopeless = new Set([
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
  'SignatureValidationFailed',
])

/** What no further try can cure, and what to do about it; registries say it in many ways. */
const cures: readonly (readonly [RegExp, string])[] = [
  [
    /denied|unauthorized|forbidden|no basic auth|authentication required/i,
    'check its name, or give imagePullSecrets',
  ],
  [
    /no match(ing manifest)? for (platform|\S+\/\S+)/i,
    'it is not made for the machine of this node',
  ],
  [
    /not found|manifest unknown|does not exist|repository name not known|invalid reference|couldn.t parse/i,
    'check its name and tag',
  ],
]
const never = 'imagePullPolicy is Never, so that it must be on the node before'
const whatever = 'check its name, and whether it needs imagePullSecrets'

/** Undefined: the container does not wait for its image. */
export function imageFinding({ name, image, state }: V1ContainerStatus): Finding | undefined {
  const { reason = '', message = '' } = state?.waiting ?? {}
  const isTriedAgain = triedAgain.has(reason)
  if (!isTriedAgain && !hopeless.has(reason)) return undefined
  const what = `cannot pull image ${image} of container ${name} (${reason}): ${message}`
  const cure = cures.find(([says]) => says.test(message))?.[1]
  if (isTriedAgain && cure === undefined) {
    return { progress: andThen(what, 'the node tries again') }
  }
  const advice = reason === 'ErrImageNeverPull' ? never : (cure ?? whatever)
  return failed('image_pull', andThen(what, advice))
}
